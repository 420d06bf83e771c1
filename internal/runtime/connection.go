package runtime

import (
	"context"
	"fmt"
	"sync"

	"github.com/containerd/containerd/v2/client"
	"google.golang.org/grpc"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// criNamespace is where the CRI plugin keeps its images and containers.
const criNamespace = "k8s.io"

// connection is the one connection to containerd, made when it is first used. It
// comes back by itself after containerd was restarted.
type connection struct {
	socket string

	mu     sync.Mutex // guards client
	client *client.Client
}

func (c *connection) containerd() (*client.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		return c.client, nil
	}
	opened, err := client.New(c.socket, client.WithDefaultNamespace(criNamespace),
		// A call that is made while containerd restarts waits for it.
		client.WithCallOpts([]grpc.CallOption{grpc.WaitForReady(true)}))
	if err != nil {
		return nil, fmt.Errorf("connect to containerd: %w", err)
	}
	c.client = opened
	return opened, nil
}

func (c *connection) pods() (cri.RuntimeServiceClient, error) {
	containerd, err := c.containerd()
	if err != nil {
		return nil, err
	}
	return cri.NewRuntimeServiceClient(containerd.Conn().(grpc.ClientConnInterface)), nil
}

func (c *connection) images() (cri.ImageServiceClient, error) {
	containerd, err := c.containerd()
	if err != nil {
		return nil, err
	}
	return cri.NewImageServiceClient(containerd.Conn().(grpc.ClientConnInterface)), nil
}

// close ends the connection; a later use opens another.
func (c *connection) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		_ = c.client.Close()
		c.client = nil
	}
}

// criVersion asks the CRI who it is; it answers only once it has recovered all
// containers.
func (r *Runtime) criVersion(ctx context.Context) (*cri.VersionResponse, error) {
	pods, err := r.connection.pods()
	if err != nil {
		return nil, err
	}
	return pods.Version(ctx, &cri.VersionRequest{})
}

// Version returns the version of containerd, as it says itself.
func (r *Runtime) Version(ctx context.Context) (string, error) {
	version, err := r.criVersion(ctx)
	if err != nil {
		return "", fmt.Errorf("ask containerd for its version: %w", err)
	}
	return version.RuntimeVersion, nil
}

// waitUsable returns once containerd is ready and has the sandbox image, or with
// the context's error.
func (r *Runtime) waitUsable(ctx context.Context) error {
	select {
	case <-r.usable:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrNotReady, ctx.Err())
	}
}
