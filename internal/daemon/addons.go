package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"

	"github.com/coredns/coredns/coremain"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/kube"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/dns"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/loadbalancer"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/metrics"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/storage"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
	"github.com/bulkhead-k8s/bulkhead/internal/simulate"
	"github.com/bulkhead-k8s/bulkhead/internal/stages"
)

// addons are those that a usable cluster waits for.
type addons []awaited

type awaited struct {
	stage string
	ready <-chan struct{}
}

// wait returns when all addons answer.
func (a addons) wait(ctx context.Context, tracker *stages.Tracker) error {
	for _, addon := range a {
		end := tracker.Begin(addon.stage)
		select {
		case <-addon.ready:
			end(nil)
		case <-ctx.Done():
			end(context.Cause(ctx))
			return context.Cause(ctx)
		}
	}
	return nil
}

// prepareAddons makes what the API server has to know before it starts.
func (d *Daemon) prepareAddons(options *kube.Options) error {
	if d.config.Simulate {
		podCIDR, err := netip.ParsePrefix(d.config.ClusterCIDR)
		if err != nil {
			return fmt.Errorf("--cluster-cidr %q: %w", d.config.ClusterCIDR, err)
		}
		d.simulation, err = simulate.New(simulate.Options{
			RestConfig: options.RESTConfig(pki.Bulkhead),
			Nodes:      d.config.SimulatedNodes,
			PodCIDR:    podCIDR,
		})
		if err != nil {
			return err
		}
	}
	if d.config.Enabled(config.ComponentMetricsServer) {
		o := metrics.Options{RestConfig: options.RESTConfig(pki.Bulkhead), Kubelet: options.KubeletTLS(pki.Bulkhead)}
		if d.simulation != nil {
			o.Source = d.simulation
		}
		server, err := metrics.New(o)
		if err != nil {
			return err
		}
		d.mu.Lock()
		d.metrics = server
		d.mu.Unlock()
		options.Extensions = append(options.Extensions, server.Install)
	}
	return nil
}

// startServerAddons starts what makes a Kubernetes usable, is not in upstream's own
// components and is needed once in a cluster. Each can be disabled.
func (d *Daemon) startServerAddons(options *kube.Options) error {
	if d.metrics != nil {
		d.work.Go("metrics-server", d.metrics.Run)
	}
	if d.config.Enabled(config.ComponentLoadBalancer) {
		o := loadbalancer.Options{RestConfig: options.RESTConfig(pki.Bulkhead), Reserved: loadbalancer.DefaultReserved()}
		o.Reserved[loadbalancer.TCP(d.config.HTTPSListenPort)] = "the API server"
		controller, err := loadbalancer.New(o)
		if err != nil {
			return err
		}
		d.work.Go("load balancer", controller.Run)
	}
	return nil
}

// startNodeAddons starts what every node has.
func (d *Daemon) startNodeAddons(options *kube.Options) (addons, error) {
	var waitFor addons
	if d.config.Enabled(config.ComponentLocalStorage) {
		o := storage.Options{
			RestConfig: options.RESTConfig(pki.Bulkhead), NodeName: d.config.NodeName,
			Root: filepath.Join(d.config.DataDir, "storage"), AppliedElsewhere: d.config.Agent,
		}
		if d.config.Simulate {
			o.NodeName = "" // all of them
		}
		controller, err := storage.New(o)
		if err != nil {
			return nil, err
		}
		d.work.Go("local storage", controller.Run)
	}
	// Nobody could ask in a simulation, and its address takes root.
	if d.config.Enabled(config.ComponentDNS) && !d.config.Simulate {
		o, err := dnsOptions(d.config)
		if err != nil {
			return nil, err
		}
		o.RestConfig = options.RESTConfig(pki.Bulkhead)
		o.AppliedElsewhere = d.config.Agent
		server, err := dns.New(o)
		if err != nil {
			return nil, err
		}
		d.mu.Lock()
		d.dns = server
		d.mu.Unlock()
		d.work.Go("CoreDNS", server.Run)
		waitFor = append(waitFor, awaited{"cluster DNS ready", server.Ready()})
	}
	return waitFor, nil
}

func dnsOptions(c *config.Config) (dns.Options, error) {
	address, err := netip.ParseAddr(c.ClusterDNS)
	if err != nil {
		return dns.Options{}, fmt.Errorf("--cluster-dns %q: %w", c.ClusterDNS, err)
	}
	clients, err := netip.ParsePrefix(c.ClusterCIDR)
	if err != nil {
		return dns.Options{}, fmt.Errorf("--cluster-cidr %q: %w", c.ClusterCIDR, err)
	}
	return dns.Options{
		Addresses:     []netip.Addr{address},
		ClusterDomain: c.ClusterDomain,
		Clients:       []netip.Prefix{clients},
		ResolvConf:    c.ResolvConf,
	}, nil
}

// addonProbes are the addons' lines in `bulkhead status`.
func (d *Daemon) addonProbes() []probe {
	d.mu.Lock()
	resolver, metrics := d.dns, d.metrics
	d.mu.Unlock()
	var list []probe
	waiting := func(ready <-chan struct{}) func(context.Context) error {
		return func(context.Context) error {
			select {
			case <-ready:
				return nil
			default:
				return errStarting
			}
		}
	}
	if resolver != nil {
		list = append(list, probe{"CoreDNS", coremain.CoreVersion, d.config.ClusterDNS, waiting(resolver.Ready())})
	}
	if metrics != nil {
		list = append(list, probe{"metrics-server", "", "", waiting(metrics.Ready())})
	}
	return list
}
