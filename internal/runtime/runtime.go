package runtime

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
)

// Runtime keeps one containerd running and gives access to it. Its methods may
// be called from any goroutine.
type Runtime struct {
	options Options
	paths   Paths
	ready   chan struct{}
}

// New prepares a Runtime; nothing is changed on the host before Run.
func New(options Options) (*Runtime, error) {
	if err := options.complete(); err != nil {
		return nil, err
	}
	return &Runtime{options: options, paths: PathsFor(options.DataDir), ready: make(chan struct{})}, nil
}

// Run keeps containerd running until ctx ends, and then returns nil with
// containerd and all containers still going: StopPods and StopContainerd end
// them. It returns an error when containerd cannot be brought up at all.
func (r *Runtime) Run(ctx context.Context) error { return errors.ErrUnsupported }

// Ready is closed once the CRI of containerd answers and the sandbox image is
// there. It stays closed when containerd is restarted later.
func (r *Runtime) Ready() <-chan struct{} { return r.ready }

// Endpoint is the socket of the CRI, as unix:///path.
func (r *Runtime) Endpoint() string { return "unix://" + r.paths.Socket }

// WriteCNIConfig gives pods addresses from podCIDR (IPv4, or IPv4 and IPv6
// separated by a comma). It is a no-op when that is what is in force already.
func (r *Runtime) WriteCNIConfig(podCIDR string) error { return errors.ErrUnsupported }

// ImportImages reads an image archive (docker save or OCI layout as tar, plain,
// gzip or zstd), unpacks the images and returns them. It waits for containerd.
func (r *Runtime) ImportImages(ctx context.Context, archive io.Reader) ([]admin.Image, error) {
	return nil, errors.ErrUnsupported
}

// ListImages returns the images by name. It waits for containerd.
func (r *Runtime) ListImages(ctx context.Context) ([]admin.Image, error) {
	return nil, errors.ErrUnsupported
}

// StopPods stops all pods in parallel, each with its grace; it returns when the
// last one has stopped or ctx ends, with what did not stop.
func (r *Runtime) StopPods(ctx context.Context) error { return errors.ErrUnsupported }

// StopContainerd ends containerd; containers and shims go on. It works after
// Run has returned as well.
func (r *Runtime) StopContainerd(ctx context.Context) error { return errors.ErrUnsupported }

// Processes returns the process ids of containerd and of its shims.
func (r *Runtime) Processes() (containerd int, shims []int) { return 0, nil }

func ownExecutable() (string, error) {
	executable, err := os.Executable()
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(executable)
}
