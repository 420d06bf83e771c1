package pods

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// CRI is a container runtime behind its socket. The connection is made at the
// first call and comes back by itself.
type CRI struct {
	connection *grpc.ClientConn
	client     cri.RuntimeServiceClient
}

// Dial returns the runtime at an address as unix:///run/containerd/containerd.sock.
func Dial(address string) (*CRI, error) {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20)))
	if err != nil {
		return nil, fmt.Errorf("connect to the container runtime: %w", err)
	}
	return &CRI{connection, cri.NewRuntimeServiceClient(connection)}, nil
}

// Close ends the connection.
func (c *CRI) Close() error { return c.connection.Close() }

// ListContainers lists containers.
func (c *CRI) ListContainers(ctx context.Context, r *cri.ListContainersRequest) (*cri.ListContainersResponse, error) {
	return c.client.ListContainers(ctx, r)
}

// ListPodSandbox lists pods.
func (c *CRI) ListPodSandbox(ctx context.Context, r *cri.ListPodSandboxRequest) (*cri.ListPodSandboxResponse, error) {
	return c.client.ListPodSandbox(ctx, r)
}

// Stats are what containers write to their own layer.
func (c *CRI) Stats(ctx context.Context) ([]*cri.ContainerStats, error) {
	r, err := c.client.ListContainerStats(ctx, &cri.ListContainerStatsRequest{})
	if err != nil {
		return nil, fmt.Errorf("ask the container runtime for statistics: %w", err)
	}
	return r.Stats, nil
}

// Status is the runtime's own opinion of itself.
func (c *CRI) Status(ctx context.Context) (*cri.RuntimeStatus, error) {
	r, err := c.client.Status(ctx, &cri.StatusRequest{})
	if err != nil {
		return nil, err
	}
	return r.Status, nil
}

// Events calls f for each event until ctx ends or the runtime does.
func (c *CRI) Events(ctx context.Context, f func(*cri.ContainerEventResponse)) error {
	events, err := c.client.GetContainerEvents(ctx, &cri.GetEventsRequest{})
	if err != nil {
		return err
	}
	for {
		e, err := events.Recv()
		if err != nil {
			return err
		}
		f(e)
	}
}
