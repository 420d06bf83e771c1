package daemon

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	containerdversion "github.com/containerd/containerd/v2/version"
	etcdversion "go.etcd.io/etcd/api/v3/version"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/datastore"
	"github.com/bulkhead-k8s/bulkhead/internal/kube"
	"github.com/bulkhead-k8s/bulkhead/internal/version"
)

// probe is how the health of one component is found out.
type probe struct {
	name, version, address string
	// check returns why the component is not healthy, or nil.
	check func(context.Context) error
}

// probes is the table of what `bulkhead status` shows.
func (d *Daemon) probes() []probe {
	d.mu.Lock()
	etcd, r, components := d.etcd, d.runtime, d.kube
	d.mu.Unlock()
	kubernetes, c := version.Kubernetes(), d.config
	var list []probe
	if c.Agent {
		list = []probe{{"server", "", c.Server, d.askServer}}
		if c.Enabled(config.ComponentDiagnosis) {
			list = append(list, probe{"observation", "", "", d.askRelay})
		}
	} else {
		list = d.serverProbes(etcd, components)
	}
	if !c.Simulate {
		list = append(list,
			probe{"containerd", containerdversion.Version, "", func(context.Context) error {
				if r == nil {
					return errStarting
				}
				select {
				case <-r.Ready():
					return nil
				default:
					return errStarting
				}
			}},
			probe{"kubelet", kubernetes, net.JoinHostPort(c.NodeIP, "10250"), func(ctx context.Context) error { return get(ctx, "http://"+local(10248)+"/healthz") }},
			probe{"kube-proxy", kubernetes, net.JoinHostPort(c.NodeIP, "10256"), func(ctx context.Context) error {
				return get(ctx, "http://"+net.JoinHostPort(c.NodeIP, "10256")+"/healthz")
			}},
		)
	}
	return append(list, d.addonProbes()...)
}

// askServer says why an agent's server cannot be used, or nil.
func (d *Daemon) askServer(ctx context.Context) error {
	d.mu.Lock()
	client := d.client
	d.mu.Unlock()
	if client == nil {
		return errStarting
	}
	return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// askRelay says why what an agent observes does not reach the server's journal.
func (d *Daemon) askRelay(context.Context) error {
	d.mu.Lock()
	r := d.relay
	d.mu.Unlock()
	if r == nil {
		return errStarting
	}
	if err := r.Away(); err != nil {
		return fmt.Errorf("%d records wait: %w", r.Stats().Waiting, err)
	}
	return nil
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// serverProbes are those of the control plane.
func (d *Daemon) serverProbes(etcd []*datastore.Member, components *kube.Components) []probe {
	kubernetes, c := version.Kubernetes(), d.config
	return []probe{
		{"etcd", etcdversion.Version, d.etcdSocket("main"), func(context.Context) error { return started(len(etcd) > 0) }},
		{"etcd (events)", etcdversion.Version, d.etcdSocket("events"), func(context.Context) error { return started(len(etcd) > 1) }},
		{"kube-apiserver", kubernetes, local(c.HTTPSListenPort), func(ctx context.Context) error {
			if components == nil {
				return errStarting
			}
			return get(ctx, "https://"+local(c.HTTPSListenPort)+"/readyz")
		}},
		{"kube-controller-manager", kubernetes, local(10257), func(ctx context.Context) error { return get(ctx, "https://"+local(10257)+"/healthz") }},
		{"kube-scheduler", kubernetes, local(10259), func(ctx context.Context) error { return get(ctx, "https://"+local(10259)+"/readyz") }},
	}
}

// components asks all probes at once, so that one that hangs costs its time
// limit once.
func (d *Daemon) components(ctx context.Context) []admin.Component {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	probes := d.probes()
	list := make([]admin.Component, len(probes))
	var all sync.WaitGroup
	for i, p := range probes {
		all.Go(func() {
			list[i] = admin.Component{Name: p.name, Version: p.version, Address: p.address, Health: admin.HealthOK}
			if err := p.check(ctx); err != nil {
				list[i].Health, list[i].Message = d.unhealthy(), err.Error()
			}
		})
	}
	all.Wait()
	return list
}

// unhealthy tells what has not started yet from what has stopped working.
func (d *Daemon) unhealthy() string {
	select {
	case <-d.ready:
		return admin.HealthFailing
	default:
		return admin.HealthStarting
	}
}

var errStarting = fmt.Errorf("has not started yet")

func started(is bool) error {
	if !is {
		return errStarting
	}
	return nil
}

// probeClient does not verify: it asks this process, on loopback or the node's
// own address, and sends nothing that is secret.
var probeClient = &http.Client{Transport: &http.Transport{
	TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
	DisableKeepAlives: true,
}}

func get(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := probeClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(body)))
	}
	return nil
}
