package podnetwork

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"

	"github.com/flannel-io/flannel/pkg/backend"
	"github.com/flannel-io/flannel/pkg/backend/hostgw"
	"github.com/flannel-io/flannel/pkg/backend/vxlan"
	"github.com/flannel-io/flannel/pkg/ip"
	"github.com/flannel-io/flannel/pkg/lease"
	"github.com/flannel-io/flannel/pkg/subnet"
	"github.com/vishvananda/netlink"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/layout"
)

// Backends.
const (
	VXLAN  = "vxlan"
	HostGW = "host-gw"
)

// vxlanOverhead is what VXLAN adds to a packet: headers of IP, UDP, VXLAN and
// Ethernet (RFC 7348).
const vxlanOverhead = 50

// Overhead is how many bytes a backend adds to a packet.
func Overhead(backend string) int {
	if backend == VXLAN {
		return vxlanOverhead
	}
	return 0
}

// vxlanPort is Linux's default, which is older than the 4789 of RFC 7348, and what
// flannel's users have opened in their firewalls.
const vxlanPort = 8472

// Options say whose network it is. All are required.
type Options struct {
	RestConfig *rest.Config
	NodeName   string
	// NodeIP is the address that other nodes reach this one by.
	NodeIP netip.Addr
	// Backend is VXLAN or HostGW.
	Backend string
	// ClusterCIDR is the range of all pods, of IPv4.
	ClusterCIDR netip.Prefix
}

// Network connects the pods of one node.
type Network struct {
	options Options
	leases  *leases
}

// New returns a network; nothing is made before Run.
func New(o Options) (*Network, error) {
	if o.Backend != VXLAN && o.Backend != HostGW {
		return nil, fmt.Errorf("pod network %q: want %s or %s", o.Backend, VXLAN, HostGW)
	}
	if !o.ClusterCIDR.Addr().Is4() || !o.NodeIP.Is4() {
		return nil, fmt.Errorf("the pod network between nodes is of IPv4 only: pods have %s, this node %s", o.ClusterCIDR, o.NodeIP)
	}
	access := rest.CopyConfig(o.RestConfig)
	access.UserAgent = "bulkhead-pod-network"
	client, err := kubernetes.NewForConfig(access)
	if err != nil {
		return nil, fmt.Errorf("make the pod network's client: %w", err)
	}
	return &Network{options: o, leases: newLeases(client, o)}, nil
}

// Run waits for a second node, and then keeps this one connected until ctx ends.
// What it has made stays.
func (n *Network) Run(ctx context.Context) error {
	var watching sync.WaitGroup
	defer watching.Wait()
	if err := n.leases.start(ctx, &watching); err != nil {
		return err
	}
	select {
	case <-n.leases.another:
	case <-ctx.Done():
		return nil
	}
	network, err := n.register(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("connect this node's pods to those of others by %s: %w", n.options.Backend, err)
	}
	slog.Info("pods are connected to those of other nodes", "backend", n.options.Backend, "podCIDR", network.Lease().Subnet.String())
	network.Run(ctx)
	return nil
}

// register makes what the backend needs on this node, and tells the others.
func (n *Network) register(ctx context.Context) (backend.Network, error) {
	outside, err := interfaceWith(n.options.NodeIP)
	if err != nil {
		return nil, err
	}
	settings, err := n.leases.GetNetworkConfig(ctx)
	if err != nil {
		return nil, err
	}
	construct := vxlan.New
	if n.options.Backend == HostGW {
		construct = hostgw.New
	}
	made, err := construct(n.leases, outside)
	if err != nil {
		return nil, err
	}
	network, err := made.RegisterNetwork(ctx, &sync.WaitGroup{}, settings)
	if err != nil {
		return nil, err
	}
	if routed, ok := network.(*backend.RouteNetwork); ok {
		markRoutes(routed)
	}
	return network, nil
}

// markRoutes makes routes known as ours, so that a reset finds them.
func markRoutes(network *backend.RouteNetwork) {
	plain := network.GetRoute
	network.GetRoute = func(l *lease.Lease) *netlink.Route {
		route := plain(l)
		route.Protocol = layout.RouteProtocol
		return route
	}
}

// interfaceWith returns the interface that has an address of this node.
func interfaceWith(address netip.Addr) (*backend.ExternalInterface, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	for _, candidate := range interfaces {
		addresses, err := candidate.Addrs()
		if err != nil {
			return nil, fmt.Errorf("list the addresses of %s: %w", candidate.Name, err)
		}
		for _, a := range addresses {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr() == address {
				return &backend.ExternalInterface{
					Iface: &candidate, IfaceName: candidate.Name,
					IfaceAddr: address.AsSlice(), ExtAddr: address.AsSlice(),
				}, nil
			}
		}
	}
	return nil, fmt.Errorf("no interface has the address %s; set --node-ip to one that this machine has", address)
}

// settingsFor is the network in flannel's terms.
func settingsFor(o Options) (*subnet.Config, error) {
	c := &subnet.Config{EnableIPv4: true, Network: toFlannel(o.ClusterCIDR), BackendType: o.Backend}
	if o.Backend == VXLAN {
		var err error
		if c.Backend, err = json.Marshal(map[string]any{"type": VXLAN, "vni": layout.VXLANID, "port": vxlanPort}); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func toFlannel(prefix netip.Prefix) ip.IP4Net {
	return ip.IP4Net{IP: ip.FromIP(prefix.Masked().Addr().AsSlice()), PrefixLen: uint(prefix.Bits())}
}
