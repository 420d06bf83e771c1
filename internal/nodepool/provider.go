package nodepool

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/decide"
)

// Provider makes the machines of one pool. Its methods are called one at a time.
type Provider interface {
	// Create asks for machines and returns once they are asked for; they become
	// nodes later. One that gives names itself takes only how many there are. After
	// an error none, some or all were asked for: List tells.
	Create(ctx context.Context, names []string) error
	// Delete gives a machine back. One that is not there is no error. Without an ID
	// and a name, it is any that was asked for and has not come.
	Delete(ctx context.Context, machine decide.Machine) error
	// List is all machines there are, also those that are on their way.
	List(ctx context.Context) ([]decide.Machine, error)
	// Template is an empty node as the provider would make it; nil if it does not
	// know, and the pool's spec says it all.
	Template(ctx context.Context) (*corev1.Node, error)
	// Close lets go of connections; machines stay.
	Close() error
}

// NewProvider makes the provider that a pool's spec names.
type NewProvider func(pool string, spec v1alpha1.NodePoolSpec) (Provider, error)
