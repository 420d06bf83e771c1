package address

import (
	"cmp"
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

// DefaultInterface is the name of the interface that carries the addresses.
const DefaultInterface = "bulkhead-dns"

// Options say what a node is to have.
type Options struct {
	// Interface carries the addresses. Default DefaultInterface.
	Interface string
	// Addresses are the cluster DNS addresses.
	Addresses []netip.Addr
	// Clients are the ranges besides this node's own addresses whose packets
	// are let through. Default: all.
	Clients []netip.Prefix
}

// Ensure gives this node the addresses. It changes nothing where they are in
// place.
func Ensure(ctx context.Context, o Options) error {
	o.Interface = cmp.Or(o.Interface, DefaultInterface)
	link, err := ensureInterface(o.Interface)
	if err != nil {
		return fmt.Errorf("make the interface %s for cluster DNS: %w", o.Interface, err)
	}
	for _, address := range o.Addresses {
		err := netlink.AddrReplace(link, &netlink.Addr{
			IPNet: &net.IPNet{IP: address.AsSlice(), Mask: net.CIDRMask(address.BitLen(), address.BitLen())},
			// An IPv6 address is useless for the second in which the kernel
			// looks for another host that has it; here there can be none.
			Flags: map[bool]int{true: unix.IFA_F_NODAD}[address.Is6()],
		})
		if err != nil {
			return fmt.Errorf("add the cluster DNS address %s to interface %s: %w", address, o.Interface, err)
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
// in a kernel that has none a bridge without ports, which the pod network needs
// anyway.
func ensureInterface(name string) (netlink.Link, error) {
	link, err := netlink.LinkByName(name)
	if _, missing := errors.AsType[netlink.LinkNotFoundError](err); missing {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		err = netlink.LinkAdd(&netlink.Dummy{LinkAttrs: attrs})
		if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENODEV) {
			err = netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs})
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

// Remove takes the addresses, their interface and their packet filters from
// this node. It is not an error if they are not there.
func Remove(ctx context.Context, name string) error {
	name = cmp.Or(name, DefaultInterface)
	var failures []error
	link, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkDel(link)
	}
	if _, missing := errors.AsType[netlink.LinkNotFoundError](err); !missing {
		failures = append(failures, err)
	}
	for _, family := range []knftables.Family{knftables.IPv4Family, knftables.IPv6Family} {
		nft, err := knftables.New(family, name)
		if err != nil {
			continue // without nftables there is no table
		}
		tx := nft.NewTransaction()
		tx.Add(&knftables.Table{}) // deleting what is not there fails
		tx.Delete(&knftables.Table{})
		failures = append(failures, nft.Run(ctx, tx))
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
