package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"sigs.k8s.io/knftables"
)

// ensureAddresses gives this node the cluster DNS addresses. It changes nothing
// where they are in place.
func ensureAddresses(ctx context.Context, o Options) error {
	link, err := ensureInterface(o.Interface)
	if err != nil {
		return fmt.Errorf("make the interface %s for cluster DNS: %w", o.Interface, err)
	}
	for _, address := range o.Addresses {
		err := netlink.AddrReplace(link, &netlink.Addr{
			IPNet: &net.IPNet{IP: address.AsSlice(), Mask: net.CIDRMask(address.BitLen(), address.BitLen())},
			// An IPv6 address is useless for the seconds in which the kernel
			// looks for another host that has it; here there can be none.
			Flags: map[bool]int{true: unix.IFA_F_NODAD}[address.Is6()],
		})
		if err != nil {
			return fmt.Errorf("add the cluster DNS address %s to interface %s: %w", address, link.Attrs().Name, err)
		}
	}
	for _, family := range familiesOf(o.Addresses) {
		nft, err := knftables.New(family, o.Interface)
		if err != nil {
			return fmt.Errorf("set up packet filters for cluster DNS (is the package nftables installed?): %w", err)
		}
		if err := nft.Run(ctx, filters(nft.NewTransaction(), family, o)); err != nil {
			return fmt.Errorf("set up packet filters for cluster DNS: %w", err)
		}
	}
	return nil
}

// ensureInterface returns the interface that carries the addresses: a dummy, or
// loopback in a kernel that has no dummies.
func ensureInterface(name string) (netlink.Link, error) {
	link, err := netlink.LinkByName(name)
	if _, missing := errors.AsType[netlink.LinkNotFoundError](err); missing {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		err = netlink.LinkAdd(&netlink.Dummy{LinkAttrs: attrs})
		if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENODEV) {
			return netlink.LinkByName("lo")
		}
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return nil, err
		}
		link, err = netlink.LinkByName(name)
	}
	if err != nil {
		return nil, err
	}
	return link, netlink.LinkSetUp(link)
}

// RemoveAddresses takes the addresses and what belongs to them from this node
// again. It is not an error if they are not there.
func RemoveAddresses(ctx context.Context, o Options) error {
	o, err := o.complete()
	if err != nil {
		return err
	}
	var failures []error
	for _, family := range familiesOf(o.Addresses) {
		nft, err := knftables.New(family, o.Interface)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		tx := nft.NewTransaction()
		tx.Add(&knftables.Table{}) // deleting what is not there fails
		tx.Delete(&knftables.Table{})
		failures = append(failures, nft.Run(ctx, tx))
	}
	if link, err := netlink.LinkByName(o.Interface); err == nil {
		failures = append(failures, netlink.LinkDel(link))
	} else if lo, err := netlink.LinkByName("lo"); err == nil {
		for _, address := range o.Addresses {
			err := netlink.AddrDel(lo, &netlink.Addr{IPNet: &net.IPNet{IP: address.AsSlice(), Mask: net.CIDRMask(address.BitLen(), address.BitLen())}})
			if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
				failures = append(failures, err)
			}
		}
	}
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("remove the cluster DNS addresses: %w", err)
	}
	return nil
}

// filters writes the table that belongs to the addresses of one family.
//
// Their packets are not tracked. kube-proxy looks at new connections only: to a
// Service without endpoints it refuses them, and to an address that no Service
// has it drops them, where it does so for this node's own. Untracked packets it
// lets pass, the connection table is spared an entry for each query, and the
// kernel's race between two queries from one socket cannot happen.
func filters(tx *knftables.Transaction, family knftables.Family, o Options) *knftables.Transaction {
	ip := string(family)
	addresses := joined(o.Addresses, func(a netip.Addr) bool { return familyOf(a) == family })
	tx.Add(&knftables.Table{Comment: knftables.PtrTo("cluster DNS on this node")})
	for name, hook := range map[string]knftables.BaseChainHook{"incoming": knftables.PreroutingHook, "outgoing": knftables.OutputHook} {
		chain := &knftables.Chain{
			Name:     name,
			Type:     knftables.PtrTo(knftables.FilterType),
			Hook:     &hook,
			Priority: knftables.PtrTo(knftables.RawPriority),
		}
		tx.Add(chain)
		tx.Flush(chain)
	}
	clients := joined(o.Clients, func(p netip.Prefix) bool { return familyOf(p.Addr()) == family })
	if clients != "" {
		// The kernel answers for this address to all of the network that the
		// node is in; an open resolver is a weapon.
		tx.Add(&knftables.Rule{
			Chain: "incoming",
			Rule:  knftables.Concat(ip, "daddr", addresses, "iifname != lo", ip, "saddr !=", clients, "drop"),
		})
	}
	tx.Add(&knftables.Rule{Chain: "incoming", Rule: knftables.Concat(ip, "daddr", addresses, "notrack")})
	tx.Add(&knftables.Rule{Chain: "incoming", Rule: knftables.Concat("iifname lo", ip, "saddr", addresses, "notrack")})
	tx.Add(&knftables.Rule{Chain: "outgoing", Rule: knftables.Concat(ip, "daddr", addresses, "notrack")})
	tx.Add(&knftables.Rule{Chain: "outgoing", Rule: knftables.Concat(ip, "saddr", addresses, "notrack")})
	return tx
}

func familyOf(address netip.Addr) knftables.Family {
	if address.Is4() {
		return knftables.IPv4Family
	}
	return knftables.IPv6Family
}

func familiesOf(addresses []netip.Addr) []knftables.Family {
	var families []knftables.Family
	seen := map[knftables.Family]bool{}
	for _, address := range addresses {
		if family := familyOf(address); !seen[family] {
			seen[family] = true
			families = append(families, family)
		}
	}
	return families
}

// joined writes the values that keep lets through as an nftables set, or "".
func joined[T fmt.Stringer](values []T, keep func(T) bool) string {
	var kept []string
	for _, value := range values {
		if keep(value) {
			kept = append(kept, value.String())
		}
	}
	if len(kept) == 0 {
		return ""
	}
	return "{ " + strings.Join(kept, ", ") + " }"
}
