package local

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/decide"
)

// Provider makes the nodes of one pool.
type Provider struct {
	host *Host
	plan *plan
}

// Provider makes the provider of a pool, or says why there cannot be such nodes here.
func (h *Host) Provider(pool string, spec v1alpha1.NodePoolSpec) (*Provider, error) {
	p, err := planFor(pool, spec, h.machine, h.o.Cluster)
	if err != nil {
		return nil, err
	}
	if err := refuse(gather(), p.shape.diskBytes > 0); err != nil {
		return nil, err
	}
	return &Provider{h, p}, nil
}

// Create begins to make nodes; List says when one is ready, or why it failed.
func (p *Provider) Create(_ context.Context, names []string) error {
	return p.host.create(p.plan, names)
}

// Delete ends a node and returns when nothing of it is left on this machine.
func (p *Provider) Delete(ctx context.Context, m decide.Machine) error {
	return p.host.delete(ctx, m.Name)
}

// List is the nodes of the pool.
func (p *Provider) List(context.Context) ([]decide.Machine, error) {
	return p.host.list(p.plan.pool), nil
}

// Template is an empty node as it will come.
func (p *Provider) Template(context.Context) (*corev1.Node, error) {
	return p.plan.node.DeepCopy(), nil
}

// Close does nothing: the Host keeps the nodes.
func (p *Provider) Close() error { return nil }
