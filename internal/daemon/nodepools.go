package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/component-base/metrics/legacyregistry"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1/crds"
	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/kube"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/apply"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/providers/command"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/providers/externalgrpc"
	localnodes "github.com/bulkhead-k8s/bulkhead/internal/nodepool/providers/local"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/providers/simulated"
	"github.com/bulkhead-k8s/bulkhead/internal/simulate"
)

// startNodePools keeps node pools in the work tier. That it cannot does not end the
// cluster.
func (d *Daemon) startNodePools(options *kube.Options) error {
	if !d.config.Enabled(config.ComponentNodePools) {
		return nil
	}
	access := options.RESTConfig(pki.Bulkhead)
	api, err := nodepool.NewAPI(access)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(access)
	if err != nil {
		return fmt.Errorf("make the client of simulated node pools: %w", err)
	}
	makers := &providers{daemon: d, access: access, client: client, options: options}
	controller, err := nodepool.New(nodepool.Options{API: api, NewProvider: makers.new})
	if err != nil {
		return err
	}
	legacyregistry.RawMustRegister(controller.Collectors()...)
	d.mu.Lock()
	d.nodePools = controller
	d.mu.Unlock()
	d.work.Go("node pools", func(ctx context.Context) error {
		select {
		case <-d.ready:
		case <-ctx.Done():
			return nil
		}
		makers.ctx = ctx
		defer makers.close()
		if err := installKinds(ctx, api, "brakes", "nodepools"); err != nil {
			slog.Error("node pools are not kept", "err", err)
			<-ctx.Done()
			return nil
		}
		return controller.Run(ctx)
	})
	return nil
}

// installKinds applies definitions of ours.
func installKinds(ctx context.Context, api *nodepool.API, names ...string) error {
	for _, name := range names {
		crd, err := crds.JSON(name)
		if err != nil {
			return err
		}
		if err := apply.Retry(ctx, name, func(ctx context.Context) error { return api.Install(ctx, name, crd) }); err != nil {
			return err
		}
	}
	return nil
}

// providers makes the providers of node pools.
type providers struct {
	daemon *Daemon
	access *rest.Config
	client kubernetes.Interface
	ctx    context.Context // the controller's
	group  sync.WaitGroup
	played sync.Once

	options *kube.Options
	// local is nil until there is a pool of it; the controller alone uses it.
	local *localnodes.Host
}

// close waits for what providers have going on.
func (p *providers) close() {
	p.group.Wait()
	if p.local != nil {
		p.local.Close()
	}
}

func (p *providers) new(pool string, spec v1alpha1.NodePoolSpec) (nodepool.Provider, error) {
	switch spec.Provider.Type {
	case v1alpha1.ProviderSimulated:
		p.played.Do(p.play)
		return simulated.New(p.client, pool, spec, map[string]string{simulate.LabelSimulated: "true"}), nil
	case v1alpha1.ProviderLocal:
		host, err := p.localHost()
		if err != nil {
			return nil, err
		}
		return host.Provider(pool, spec)
	case v1alpha1.ProviderExternalGRPC:
		return externalgrpc.New(spec)
	case v1alpha1.ProviderCommand:
		return command.New(pool, spec)
	}
	return nil, fmt.Errorf("the provider %q is not known here", spec.Provider.Type)
}

// play brings simulated nodes to life in a cluster that is not simulated itself.
func (p *providers) play() {
	if p.daemon.simulation != nil {
		return
	}
	cidr, err := netip.ParsePrefix(p.daemon.config.ClusterCIDR)
	if err == nil {
		var s *simulate.Simulation
		if s, err = simulate.New(simulate.Options{RestConfig: p.access, OthersOnly: true, PodCIDR: cidr}); err == nil {
			p.group.Go(func() {
				if err := s.Run(p.ctx); err != nil {
					slog.Error("simulated nodes are not played", "err", err)
				}
			})
		}
	}
	if err != nil {
		slog.Error("simulated nodes are not played", "err", err)
	}
}

// NodePools says what was decided last.
func (d *Daemon) NodePools(_ context.Context, r admin.NodePoolsRequest) (admin.NodePoolsReply, error) {
	d.mu.Lock()
	c := d.nodePools
	d.mu.Unlock()
	switch {
	case !d.config.Enabled(config.ComponentNodePools):
		return admin.NodePoolsReply{}, errors.New("node pools are disabled (--disable nodepools)")
	case c == nil:
		return admin.NodePoolsReply{}, errors.New("node pools are not kept yet")
	}
	last := c.Last()
	reply := admin.NodePoolsReply{At: last.At, Advice: last.Advice, Pods: []admin.PodVerdict{}, Nodes: []admin.NodeVerdict{}}
	for _, v := range last.Pods {
		owner := v.Owner.Kind + " " + v.Owner.Name
		if v.Owner.Namespace != "" {
			owner = v.Owner.Kind + " " + v.Owner.Namespace + "/" + v.Owner.Name
		}
		reply.Pods = append(reply.Pods, admin.PodVerdict{Namespace: v.Namespace, Name: v.Name, Owner: owner, Verdict: v.Verdict, Why: v.Why})
	}
	for _, v := range last.Nodes {
		if r.Pool == "" || r.Pool == v.Pool {
			reply.Nodes = append(reply.Nodes, admin.NodeVerdict{Pool: v.Pool, Node: v.Node, State: v.State, Why: v.Why})
		}
	}
	return reply, nil
}
