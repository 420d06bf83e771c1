package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/host"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/layout"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/netfilter"
)

// netfilterTimeout bounds how long the host's packet filter programs may take,
// among them the wait for a lock that another program holds.
const netfilterTimeout = 30 * time.Second

// WriteCNIConfig gives pods addresses from podCIDR (IPv4 or IPv6, or both
// separated by a comma) and lets their traffic through the host. What is in
// force stays so across restarts, and containerd takes up a change by itself.
func (r *Runtime) WriteCNIConfig(podCIDR string) error {
	r.host.Lock()
	defer r.host.Unlock()
	if podCIDR == r.inForce {
		return nil // this process has set it, before the node was given it
	}
	local, err := parseCIDRs(podCIDR)
	if err != nil {
		return fmt.Errorf("configure pods' network: %w", err)
	}
	cluster, err := parseCIDRs(r.options.ClusterCIDR)
	if err != nil && r.options.ClusterCIDR != "" {
		return fmt.Errorf("configure pods' network: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), netfilterTimeout)
	defer cancel()
	if slices.ContainsFunc(local, func(p netip.Prefix) bool { return p.Addr().Is6() }) {
		record, err := host.Load(r.paths.HostRecord)
		if err == nil && record == nil {
			err = errors.New("the host was not set up yet")
		}
		if err == nil {
			err = r.changeHost(record, (*host.Record).SetIPv6Forwarding)
		}
		if err != nil {
			return fmt.Errorf("configure pods' network: %w", err)
		}
	}
	if err := netfilter.Set(ctx, netfilter.Pods{Bridge: layout.Bridge, Local: local, Cluster: cluster}); err != nil {
		return fmt.Errorf("configure pods' network: %w", err)
	}
	mtu, err := defaultMTU()
	if err != nil {
		return fmt.Errorf("configure pods' network: %w", err)
	}
	if mtu > 0 {
		mtu -= r.options.Overhead
	}
	config, err := cniConfig(local, mtu, r.paths.CNIState, hostPortBackend())
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.paths.CNIConfig, 0o700); err != nil {
		return fmt.Errorf("configure pods' network: %w", err)
	}
	// containerd watches the directory. It overlooks a file that is moved in from
	// elsewhere, but not one that gets its name in there.
	if _, err = writeFile(filepath.Join(r.paths.CNIConfig, layout.CNIConfigName), config, 0o600); err == nil {
		r.inForce = podCIDR
	}
	return err
}

func parseCIDRs(list string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for cidr := range strings.SplitSeq(list, ",") {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(cidr))
		if err != nil {
			return nil, fmt.Errorf("range of addresses %q: %w", cidr, err)
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, nil
}

// cniConfig returns the CNI configuration of a node.
func cniConfig(local []netip.Prefix, mtu int, state, hostPorts string) ([]byte, error) {
	type object = map[string]any
	var ranges [][]object
	var routes []object
	for _, prefix := range local {
		ranges = append(ranges, []object{{"subnet": prefix.String()}})
		if prefix.Addr().Is4() {
			routes = append(routes, object{"dst": "0.0.0.0/0"})
		} else {
			routes = append(routes, object{"dst": "::/0"})
		}
	}
	bridge := object{
		"type":   "bridge",
		"bridge": layout.Bridge,
		// The bridge has the first address of the range and moves with it.
		"isGateway":    true,
		"forceAddress": true,
		// For a pod that reaches itself through its Service.
		"hairpinMode": true,
		// Masquerading is one rule of ours, see package netfilter.
		"ipMasq": false,
		"ipam": object{
			"type": "host-local", "dataDir": state, "ranges": ranges, "routes": routes,
		},
	}
	if mtu > 0 {
		bridge["mtu"] = mtu
	}
	config := object{
		"cniVersion": "1.0.0",
		"name":       layout.CNINetwork,
		"plugins": []object{
			bridge,
			{"type": "portmap", "capabilities": object{"portMappings": true}, "backend": hostPorts},
		},
	}
	data, err := json.MarshalIndent(config, "", "\t")
	if err != nil {
		return nil, fmt.Errorf("encode pods' network configuration: %w", err)
	}
	return append(data, '\n'), nil
}

// lastPodCIDR returns the ranges in a configuration that cniConfig made, or "" if
// there is none.
func lastPodCIDR(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	var config struct {
		Plugins []struct {
			IPAM struct {
				Ranges [][]struct{ Subnet string }
			}
		}
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return "" // it is written anew once the ranges are known
	}
	var subnets []string
	for _, plugin := range config.Plugins {
		for _, set := range plugin.IPAM.Ranges {
			for _, one := range set {
				subnets = append(subnets, one.Subnet)
			}
		}
	}
	return strings.Join(subnets, ",")
}

// hostPortBackend is what portmap works with on this host.
func hostPortBackend() string {
	if _, err := exec.LookPath("nft"); err == nil {
		return "nftables"
	}
	return "iptables"
}

// defaultMTU returns the MTU of the interface with the default route, whose
// packets pods' packets become, or 0 on a host without one.
func defaultMTU() (int, error) {
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := netlink.RouteList(nil, family)
		if err != nil {
			return 0, fmt.Errorf("list routes: %w", err)
		}
		for _, route := range routes {
			if route.Dst != nil && !route.Dst.IP.IsUnspecified() || route.LinkIndex == 0 {
				continue
			}
			link, err := netlink.LinkByIndex(route.LinkIndex)
			if err != nil {
				return 0, fmt.Errorf("find the default route's interface: %w", err)
			}
			return link.Attrs().MTU, nil
		}
	}
	return 0, nil
}
