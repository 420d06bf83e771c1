package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/kube"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/apply"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/membership"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/servingcerts"
)

// startServer brings up a cluster with one node, and returns when it is usable.
func (d *Daemon) startServer(ctx context.Context) error {
	if d.config.HasJoined() {
		return fmt.Errorf("%s is that of a machine that has joined a cluster; start it with `bulkhead join`, or run `bulkhead reset` first", d.config.DataDir)
	}
	listener, err := kube.Listen(ctx, d.config)
	if err != nil {
		return err
	}

	options := &kube.Options{
		Config:             d.config,
		Stages:             d.stages,
		EtcdEndpoint:       "unix://" + d.etcdSocket("main"),
		EtcdEventsEndpoint: "unix://" + d.etcdSocket("events"),
	}
	parallel, parallelCtx := errgroup.WithContext(ctx)
	parallel.Go(func() error { return d.startEtcd(parallelCtx) })
	if !d.config.Simulate {
		if err := d.startRuntime(); err != nil {
			return err
		}
		options.RuntimeEndpoint = d.runtime.Endpoint()
	}
	parallel.Go(func() error {
		if err := d.startAPIServer(options, listener); err != nil {
			return err
		}
		if !d.config.Simulate {
			d.startKubelet()
		}
		return nil
	})
	if err := parallel.Wait(); err != nil {
		return err
	}

	end := d.stages.Begin("API server ready")
	select {
	case <-d.kube.APIServer.Ready():
		end(nil)
	case <-ctx.Done():
		end(context.Cause(ctx))
		return context.Cause(ctx)
	}
	d.work.Go("certificate renewal", func(ctx context.Context) error {
		return options.PKI.Renew(ctx, func(names []string) {
			slog.Info("renewed certificates", "names", names)
			if err := d.writeAdminKubeconfig(options); err != nil {
				slog.Error("the administrator's kubeconfig was not renewed", "err", err)
			}
		}, func(err error) { slog.Error("certificates were not renewed", "err", err) })
	})

	client, err := d.connect(options)
	if err != nil {
		return err
	}
	d.work.Go("kube-controller-manager", d.kube.ControllerManager.Run)
	d.startDiagnosis(options)
	if err := d.startNodePools(options); err != nil {
		return err
	}
	if d.config.Simulate {
		return d.startSimulation(ctx, options, client)
	}
	// A pod that is tried before there is a node is tried again when it comes.
	d.work.Go("kube-scheduler", d.kube.Scheduler.Run)
	if err := d.startServerAddons(options); err != nil {
		return err
	}
	if err := d.startNode(ctx, options, client); err != nil {
		return err
	}
	if err := grantKubeletAPI(ctx, client); err != nil {
		return err
	}
	awaitKnownPods(ctx, client, d.config.NodeName)
	d.keepOwnNode(client)
	d.openToAgents(options, client)
	return nil
}

// startAPIServer makes certificates and settings, then starts the API server
// without waiting for etcd, which it connects to when it needs it.
func (d *Daemon) startAPIServer(options *kube.Options, listener net.Listener) error {
	end := d.stages.Begin("certificates ready")
	serviceIP, err := firstAddress(d.config.ServiceCIDR)
	if err == nil {
		options.PKI, err = pki.Ensure(pki.Options{
			Dir:           filepath.Join(d.config.DataDir, "pki"),
			NodeName:      d.config.NodeName,
			NodeIP:        d.config.NodeIP,
			ServiceIP:     serviceIP,
			ClusterDomain: d.config.ClusterDomain,
			SANs:          d.config.TLSSANs,
		})
	}
	end(err)
	if err != nil {
		return err
	}
	if err := d.writeAdminKubeconfig(options); err != nil {
		return err
	}
	if err := d.prepareAddons(options); err != nil {
		return err
	}
	if d.config.Enabled(config.ComponentDiagnosis) {
		options.Extensions = append(options.Extensions, d.takeRecords)
	}
	end = d.stages.BeginDetail("Kubernetes configured")
	components, err := kube.New(options)
	end(err)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.kube = components
	d.mu.Unlock()
	d.serve.Go("kube-apiserver", func(ctx context.Context) error { return components.APIServer.Run(ctx, listener) })
	return nil
}

func (d *Daemon) writeAdminKubeconfig(options *kube.Options) error {
	return options.WriteAdminKubeconfig(d.config.WriteKubeconfig, d.config.KubeconfigMode())
}

// openToAgents lets other machines join, and approves what joined ones serve with.
// Nothing on this machine waits for it.
func (d *Daemon) openToAgents(options *kube.Options, client kubernetes.Interface) {
	d.work.Go("joining", func(ctx context.Context) error {
		settings, err := membership.SettingsOf(d.config, options.PKI)
		if err != nil {
			return err
		}
		err = apply.Retry(ctx, "joining", func(ctx context.Context) error {
			if err := membership.Publish(ctx, client, settings); err != nil {
				return err
			}
			return grantNodesBrakes(ctx, client)
		})
		if err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	})
	d.work.Go("kubelets' certificates", func(ctx context.Context) error {
		return servingcerts.New(client, d.claims()).Run(ctx)
	})
}

// claims are the names and addresses that no other node may have.
func (d *Daemon) claims() servingcerts.Claims {
	c := d.config
	claims := servingcerts.Claims{Names: []string{"localhost", c.NodeName}}
	for _, host := range append([]string{c.NodeIP}, c.TLSSANs...) {
		if address, err := netip.ParseAddr(host); err == nil {
			claims.Addresses = append(claims.Addresses, address)
		} else {
			claims.Names = append(claims.Names, host)
		}
	}
	for _, cidr := range []string{c.ServiceCIDR, c.ClusterCIDR} {
		if prefix, err := netip.ParsePrefix(cidr); err == nil {
			claims.Ranges = append(claims.Ranges, prefix)
		}
	}
	return claims
}
