package main

import (
	"context"

	"k8s.io/client-go/kubernetes"
)

// side is one way to run a Kubernetes on this machine.
type side interface {
	// Name heads its column.
	Name() string
	// Prepare lays out a data directory as it is before the very first start,
	// except for the measured pod's image. It is not timed.
	Prepare(ctx context.Context, g *ground, images *images) error
	// Start starts all processes at once and returns without waiting.
	Start(g *ground) (running, error)
	// Up runs what a person would type, and returns when that has come back.
	Up(ctx context.Context, g *ground) (running, error)
	// Kubeconfig is the administrator's, at its place below the ground.
	Kubeconfig(g *ground) string
	// Serving is called once the API accepts requests: the place for what an
	// installer would then apply.
	Serving(ctx context.Context, client kubernetes.Interface) error
	// Binaries are the programs that have to be installed.
	Binaries() []string
}

// running is a cluster that has been started.
type running interface {
	// Err says why the cluster cannot come up any more, or nil.
	Err() error
	// Restarts counts components that ended by themselves and were started
	// again, as systemd would.
	Restarts() int
	// Stop ends the components in order; containers go on.
	Stop(ctx context.Context) error
}
