package netfilter

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
)

// Pods is what the rules for pods' traffic depend on.
type Pods struct {
	// Bridge is the interface that pods are connected to.
	Bridge string
	// Local are the ranges of the pods here, Cluster those of all pods.
	Local, Cluster []netip.Prefix
}

// Set puts the rules for pods' traffic in force, in place of earlier ones.
func Set(ctx context.Context, pods Pods) error {
	if _, err := run(ctx, []byte(table(pods)), "nft", "-f", "-"); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("nft is not installed, and neither pods nor Services can be reached without it; install Debian's package nftables: %w", err)
		}
		return err
	}
	return acceptForwarded(ctx, pods)
}

// table returns the nft script of our table.
//
// Pods reach what is not a pod under the node's address: one rule for all, where
// CNI's bridge plugin would make one per pod at the price of several processes at
// each pod's start.
//
// Nobody else reaches what listens on loopback, though portmap lets packets to
// 127.0.0.0/8 leave and enter the machine for hostPort (CVE-2020-8558). It is the
// rule of the kubelet, which takes a dozen runs of iptables for it, and one more
// each minute for each of its tables.
func table(pods Pods) string {
	var rules strings.Builder
	for _, local := range pods.Local {
		family, multicast := "ip", "224.0.0.0/4"
		if local.Addr().Is6() {
			family, multicast = "ip6", "ff00::/8"
		}
		keep := []string{multicast}
		for _, cluster := range append([]netip.Prefix{local}, pods.Cluster...) {
			if cluster.Addr().Is6() == local.Addr().Is6() && !slices.Contains(keep, cluster.Masked().String()) {
				keep = append(keep, cluster.Masked().String())
			}
		}
		for _, destination := range keep {
			fmt.Fprintf(&rules, "\t\t%s saddr %s %s daddr %s return\n", family, local.Masked(), family, destination)
		}
		fmt.Fprintf(&rules, "\t\t%s saddr %s oifname != %q masquerade\n", family, local.Masked(), pods.Bridge)
	}
	// Declared first, so that there is something to delete.
	return fmt.Sprintf(`table inet %[1]s
delete table inet %[1]s
table inet %[1]s {
	comment "Bulkhead: pods' traffic to the outside"
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
%[2]s	}
	chain loopback {
		ct state established,related return
		ct status dnat return
		drop
	}
	chain input {
		type filter hook input priority filter; policy accept;
		ip daddr 127.0.0.0/8 ip saddr != 127.0.0.0/8 jump loopback
	}
	chain output {
		type filter hook output priority filter; policy accept;
		ip daddr 127.0.0.0/8 ip saddr != 127.0.0.0/8 jump loopback
	}
}
`, OwnTable, rules.String())
}

// hintChain says to programs in pods which of iptables' two kernel interfaces is
// in use here; its name is Kubernetes' convention.
const hintChain = "KUBE-IPTABLES-HINT"

// acceptForwarded lets pods' traffic through where iptables is in use: Docker,
// for one, sets the policy of forwarding to drop.
func acceptForwarded(ctx context.Context, pods Pods) error {
	hint := fmt.Sprintf("*mangle\n:%s - [0:0]\nCOMMIT\n", hintChain)
	return accept(ctx, iptablesFor(pods.Local), hint, forwardChain, []string{pods.Bridge})
}

// accept makes a chain, which replaces an earlier one of its name, that lets what
// comes from and goes to bridges through, and what script has beside it.
func accept(ctx context.Context, programs []string, script, chain string, bridges []string) error {
	script += fmt.Sprintf("*filter\n:%s - [0:0]\n", chain)
	for _, bridge := range bridges {
		script += fmt.Sprintf("-A %[1]s -i %[2]s -j ACCEPT\n-A %[1]s -o %[2]s -j ACCEPT\n", chain, bridge)
	}
	for _, program := range programs {
		if _, err := exec.LookPath(program + "-restore"); err != nil {
			continue
		}
		own := script
		if _, err := run(ctx, nil, program, "-w", "5", "-C", "FORWARD", "-j", chain); err != nil {
			own += fmt.Sprintf("-I FORWARD -j %s\n", chain)
		}
		if _, err := run(ctx, []byte(own+"COMMIT\n"), program+"-restore", "--noflush", "--wait", "5"); err != nil {
			return err
		}
	}
	return nil
}

// iptablesFor returns the programs for the families of ranges: each takes a few
// milliseconds of a start.
func iptablesFor(ranges []netip.Prefix) []string {
	var programs []string
	for i, v6 := range []bool{false, true} {
		if slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Addr().Is6() == v6 }) {
			programs = append(programs, iptablesPrograms[i])
		}
	}
	return programs
}
