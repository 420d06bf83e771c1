package doctor

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

func checkLinks(h *Host, _ *config.Config) Result {
	switch {
	case h.LinksErr == nil:
		return ok("veth pairs and bridges can be made")
	case errors.Is(h.LinksErr, errNotTried):
		return warn("", "not tried: %v", h.LinksErr)
	}
	return fail("load the modules with `modprobe veth bridge`, "+orSimulate, "pods can have no network: %v", h.LinksErr)
}

// minNFT is kube-proxy's (sigs.k8s.io/knftables: "nft version must be v1.0.1 or later").
var minNFT = [3]int{1, 0, 1}

func checkNFTables(h *Host, _ *config.Config) Result {
	if h.NFT.Path == "" {
		return fail("install it: apt-get install nftables", "the program nft, through which kube-proxy sets up Services, was not found")
	}
	version, found := parseVersion(h.NFT.Version)
	if found && less(version, minNFT) {
		return fail("install a newer one (Debian 12 has 1.0.6)", "%s is version %s, older than 1.0.1", h.NFT.Path, versionText(version))
	}
	switch {
	case errors.Is(h.NFTErr, errNotTried):
		return warn("", "not tried: %v", h.NFTErr)
	case h.NFTErr != nil:
		return fail("load the module with `modprobe nf_tables`, "+orSimulate, "nft makes no table: %v", h.NFTErr)
	case !found:
		return warn("make sure that it is at least 1.0.1", "%s works, but tells no version", h.NFT.Path)
	}
	return ok("%s %s works", h.NFT.Path, versionText(version))
}

func checkIptables(h *Host, _ *config.Config) Result {
	const remedy = "install it: apt-get install iptables; needed only for pods with hostPort"
	if h.Iptables.Path == "" {
		return warn(remedy, "the program iptables was not found")
	}
	if h.IptErr != nil {
		return warn(remedy, "%s does not work: %v", h.Iptables.Path, h.IptErr)
	}
	return ok("%s works", h.Iptables.Path)
}

func checkConntrack(h *Host, _ *config.Config) Result {
	if h.ConntrackMax == 0 {
		return ok("not loaded yet; the first Service loads it")
	}
	if h.ConntrackMax < 32768 {
		return warn("set sysctl net.netfilter.nf_conntrack_max=131072", "at most %d connections are tracked; busy Services will drop some", h.ConntrackMax)
	}
	if h.Conntrack.Path == "" {
		return ok("up to %d connections (no program conntrack to look at them; not needed)", h.ConntrackMax)
	}
	return ok("up to %d connections", h.ConntrackMax)
}

func checkMountProgram(h *Host, _ *config.Config) Result {
	if h.Mount.Path == "" {
		return fail("install it: apt-get install mount", "the program mount, through which the kubelet mounts volumes, was not found")
	}
	return ok("%s", h.Mount.Path)
}

func checkDefaultRoute(h *Host, c *config.Config) Result {
	for _, route := range h.Routes {
		if route.Dest.Bits() == 0 {
			return ok("through %s", route.Interface)
		}
	}
	if c.NodeIP != "" {
		return warn("add one if pods are to reach other networks", "none; the node is known by --node-ip %s", c.NodeIP)
	}
	return fail("add one, or set --node-ip", "none, so this node's address cannot be found")
}

// ownInterface is how the interfaces begin that carry our pods' networks.
var ownInterface = []string{"bulkhead", "bh", "cni"}

func checkRanges(h *Host, c *config.Config) Result {
	for _, set := range []struct{ flag, cidr string }{{"--cluster-cidr", c.ClusterCIDR}, {"--service-cidr", c.ServiceCIDR}} {
		cidr, err := netip.ParsePrefix(set.cidr)
		if err != nil {
			return fail("give a range such as 10.42.0.0/16", "%s %q is none", set.flag, set.cidr)
		}
		for _, route := range h.Routes {
			if route.Dest.Bits() == 0 || !route.Dest.Overlaps(cidr) || hasAnyPrefix(route.Interface, ownInterface) {
				continue
			}
			return warn("choose another "+set.flag, "%s %s hides %s, which this machine reaches through %s", set.flag, cidr, route.Dest, route.Interface)
		}
	}
	return ok("pods %s, Services %s; no route of this machine leads there", c.ClusterCIDR, c.ServiceCIDR)
}

func checkHostname(h *Host, _ *config.Config) Result {
	if h.HostnameErr != nil {
		return warn(fmt.Sprintf("add `127.0.1.1 %s` to /etc/hosts", h.Hostname), "%q does not resolve: %v; works, since the node is known by its address", h.Hostname, h.HostnameErr)
	}
	return ok("%q resolves", h.Hostname)
}

func checkResolvConf(h *Host, c *config.Config) Result {
	const remedy = "name a file that has some with --resolv-conf (systemd-resolved: /run/systemd/resolve/resolv.conf)"
	if h.ResolvConfErr != nil {
		return warn(remedy, "%s cannot be read: %v; pods will resolve names of the cluster only", c.ResolvConf, h.ResolvConfErr)
	}
	if len(h.NameServers) == 0 {
		return warn(remedy, "%s names none; pods will resolve names of the cluster only", c.ResolvConf)
	}
	var remote []string
	for _, server := range h.NameServers {
		if addr, err := netip.ParseAddr(server); err == nil && addr.IsLoopback() {
			continue
		}
		if server == c.ClusterDNS {
			return fail("take it out", "%s names the cluster's own DNS address %s: a loop", c.ResolvConf, server)
		}
		remote = append(remote, server)
	}
	if len(remote) == 0 {
		return warn(remedy, "%s names only this machine itself (%s), which pods with dnsPolicy: Default cannot reach", c.ResolvConf, strings.Join(h.NameServers, ", "))
	}
	return ok("%s", strings.Join(remote, ", "))
}

var versionPattern = regexp.MustCompile(`v?(\d+)\.(\d+)(?:\.(\d+))?`)

// parseVersion finds the first version in what a program printed.
func parseVersion(text string) (version [3]int, found bool) {
	match := versionPattern.FindStringSubmatch(text)
	if match == nil {
		return version, false
	}
	for i := range version {
		version[i], _ = strconv.Atoi(match[i+1]) // a missing third number is 0
	}
	return version, true
}

func less(a, b [3]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

func versionText(v [3]int) string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

func hasAnyPrefix(s string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}
