package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/jointoken"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/bootstraptoken"
	localnodes "github.com/bulkhead-k8s/bulkhead/internal/nodepool/providers/local"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime"
)

// localTokenLife is how long a local node has to join, on a machine that starts many.
const localTokenLife = 15 * time.Minute

// localHost is what makes local nodes, from the first pool of them on.
func (p *providers) localHost() (*localnodes.Host, error) {
	if p.local != nil {
		return p.local, nil
	}
	c := p.daemon.config
	switch {
	case c.Simulate:
		return nil, errors.New("a simulated cluster has no local nodes; use the provider simulated")
	case c.PodNetwork == config.PodNetworkHostGW:
		return nil, errors.New("local nodes are in a network segment of their own, which --pod-network host-gw cannot leave; use vxlan")
	}
	executable, err := runtime.Beside("bulkheadd")
	if err != nil {
		return nil, err
	}
	pin := jointoken.PinOf(p.options.PKI.ServerCA.Certificate)
	cluster := localnodes.Cluster{
		Server:   "https://" + net.JoinHostPort(c.NodeIP, strconv.Itoa(c.HTTPSListenPort)),
		ImageDir: c.ImageDir, ResolvConf: c.ResolvConf, Snapshotter: c.Snapshotter, Verbosity: c.Verbosity,
	}
	for _, cidr := range []string{c.ClusterCIDR, c.ServiceCIDR} {
		prefix, err := netip.ParsePrefix(cidr)
		if err != nil {
			return nil, fmt.Errorf("range %q: %w", cidr, err)
		}
		cluster.Taken = append(cluster.Taken, prefix)
	}
	p.local, err = localnodes.NewHost(localnodes.Options{
		DataDir: c.DataDir, Executable: executable, Cluster: cluster,
		Token: func(ctx context.Context) (string, error) {
			token, _, err := bootstraptoken.Create(ctx, p.client, pin, "a local node", localTokenLife)
			return token.String(), err
		},
		Revoke: func(ctx context.Context, token string) error {
			_, err := bootstraptoken.Delete(ctx, p.client, token)
			return err
		},
	})
	return p.local, err
}

// stopLocalNodes ends local nodes with their pods, beside those of this node.
func (d *Daemon) stopLocalNodes(ctx context.Context) error {
	limit := localStopLimit
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline))
	}
	return localnodes.StopAll(ctx, d.config.DataDir, limit)
}

// localStopLimit bounds the orderly end of a local node's pods.
const localStopLimit = time.Minute
