package kube

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/events"
	"k8s.io/kubernetes/cmd/kube-proxy/app"
	"k8s.io/kubernetes/pkg/proxy"
	proxyconfig "k8s.io/kubernetes/pkg/proxy/apis/config"
	proxyconfigscheme "k8s.io/kubernetes/pkg/proxy/apis/config/scheme"
	"k8s.io/kubernetes/pkg/proxy/conntrack"
	"k8s.io/kubernetes/pkg/proxy/healthcheck"
	"k8s.io/kubernetes/pkg/proxy/nftables"
	proxyutil "k8s.io/kubernetes/pkg/proxy/util"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
)

// ours says whether runNFTables knows everything that a configuration asks for:
// operators can ask for more by flags.
func ours(c *proxyconfig.KubeProxyConfiguration, cluster *config.Config) bool {
	services, err := netip.ParsePrefix(cluster.ServiceCIDR)
	node, nodeErr := netip.ParseAddr(c.BindAddress)
	secondFamily := slices.ContainsFunc(cluster.KubeAPIServerArgs, func(arg string) bool {
		return strings.Contains(arg, "service-cluster-ip-range")
	})
	return err == nil && nodeErr == nil && services.Addr().Is4() == node.Is4() && !secondFamily &&
		c.Mode == proxyconfig.ProxyModeNFTables &&
		c.DetectLocalMode == proxyconfig.LocalModeClusterCIDR && len(c.DetectLocal.ClusterCIDRs) == 1 &&
		slices.Equal(c.NodePortAddresses, []string{proxyconfig.NodePortAddressesPrimary})
}

// runNFTables runs upstream's proxy for the one family of addresses that Services
// have here.
//
// Upstream's command looks after both, in any cluster, and at each start for
// rules that iptables or IPVS mode would have left. These are 50 more runs of nft
// and iptables, and were a tenth of the processor time until the first pod; the
// second family also costs its share of every later change.
func (p *Proxy) runNFTables(ctx context.Context) error {
	c := p.config
	client, err := kubernetes.NewForConfig(p.options.RESTConfig(pki.Proxy))
	if err != nil {
		return fmt.Errorf("make kube-proxy's client: %w", err)
	}
	if err := conntrack.SetSysctls(ctx, &c.Linux.Conntrack); err != nil {
		return fmt.Errorf("set up connection tracking: %w", err)
	}
	node, err := proxy.NewNodeManager(ctx, keptNode{Interface: client, last: &lastNode{}}, c.HostnameOverride, c)
	if err != nil {
		return fmt.Errorf("find kube-proxy's node: %w", err)
	}
	family, address := v1.IPv4Protocol, net.ParseIP(c.BindAddress)
	if address.To4() == nil {
		family = v1.IPv6Protocol
	}
	c.NodePortAddresses = nodePortAddresses(address)
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: client.EventsV1()})
	s := &app.ProxyServer{
		Config:          c,
		Client:          client,
		Broadcaster:     broadcaster,
		Recorder:        broadcaster.NewRecorder(proxyconfigscheme.Scheme, "kube-proxy"),
		NodeRef:         &v1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: c.HostnameOverride},
		HealthzServer:   healthcheck.NewProxyHealthServer(c.HealthzBindAddress, 2*c.SyncPeriod.Duration, node),
		NodeName:        c.HostnameOverride,
		PrimaryIPFamily: family,
		NodeIPs:         map[v1.IPFamily]net.IP{family: address},
		NodeManager:     node,
	}
	local := proxyutil.NewDetectLocalByCIDR(c.DetectLocal.ClusterCIDRs[0])
	if s.Proxier, err = nftables.NewProxier(ctx, c, family, local, s.NodeName, address, s.Recorder, s.HealthzServer, false); err != nil {
		return fmt.Errorf("make kube-proxy's rules: %w", err)
	}
	return s.Run(ctx)
}

// nodePortAddresses are what "primary" means: the node's address, unless that is
// loopback, which leads to no NodePort.
func nodePortAddresses(node net.IP) []string {
	switch {
	case node.IsLoopback():
		return nil
	case node.To4() != nil:
		return []string{node.String() + "/32"}
	default:
		return []string{node.String() + "/128"}
	}
}
