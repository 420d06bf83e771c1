package localnode

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/netfilter"
)

// alias marks a bridge as a server's.
func alias(server string) string { return "Bulkhead: nodes of " + server }

// Ensure makes the bridge, and lets the nodes out through it, as far as that is not
// so already.
func (n Network) Ensure(ctx context.Context, server string) error {
	link, err := netlink.LinkByName(n.Bridge)
	switch {
	case errors.As(err, &netlink.LinkNotFoundError{}):
		if err := n.free(); err != nil {
			return err
		}
		if link, err = n.makeBridge(server); err != nil {
			return fmt.Errorf("make the bridge %s: %w", n.Bridge, err)
		}
	case err != nil:
		return fmt.Errorf("find interface %s: %w", n.Bridge, err)
	case link.Type() != "bridge" || link.Attrs().Alias != alias(server):
		return fmt.Errorf("there is an interface %s already, which is not this cluster's; give the pool another provider.local.bridge", n.Bridge)
	}
	if !n.has(link) {
		return fmt.Errorf("the bridge %s has other addresses than %s: pools with other ranges need bridges of their own", n.Bridge, n.Prefix)
	}
	return setRules(ctx, server)
}

// free refuses a range that something on this machine uses.
func (n Network) free() error {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("list this machine's addresses: %w", err)
	}
	for _, a := range addresses {
		if used, err := netip.ParsePrefix(a.String()); err == nil && used.Overlaps(n.Prefix) {
			return fmt.Errorf("this machine uses %s already; give the pool another provider.local.cidr than %s", used, n.Prefix)
		}
	}
	return nil
}

func (n Network) makeBridge(server string) (netlink.Link, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr = n.Bridge, hardware(n.Gateway())
	bridge := &netlink.Bridge{LinkAttrs: attrs}
	if err := netlink.LinkAdd(bridge); err != nil {
		return nil, err
	}
	err := netlink.LinkSetAlias(bridge, alias(server))
	if err == nil {
		err = netlink.AddrAdd(bridge, address(n.Gateway(), n.Prefix))
	}
	if err == nil {
		err = netlink.LinkSetUp(bridge)
	}
	if err != nil {
		return nil, errors.Join(err, netlink.LinkDel(bridge))
	}
	return netlink.LinkByName(n.Bridge)
}

func (n Network) has(bridge netlink.Link) bool {
	list, err := netlink.AddrList(bridge, netlink.FAMILY_V4)
	if err != nil {
		return false
	}
	want := address(n.Gateway(), n.Prefix).IPNet.String()
	for _, a := range list {
		if a.IPNet.String() == want {
			return true
		}
	}
	return false
}

// hardware is the hardware address of who has an address: always the same one, so that
// nobody on the bridge remembers another. Without one of its own a bridge takes the
// lowest of its ports', and whenever these change, all nodes miss it for half a minute.
func hardware(a netip.Addr) net.HardwareAddr {
	four := a.As4()
	return net.HardwareAddr{0x02, 0xb8, four[0], four[1], four[2], four[3]} // 02: given locally
}

func address(a netip.Addr, within netip.Prefix) *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(within.Bits(), a.BitLen())}}
}

// Connect makes the network namespace, with a cable to the bridge.
func (p Place) Connect(n Network, a netip.Addr) error {
	if err := p.connect(n, a); err != nil {
		return errors.Join(fmt.Errorf("make the network of node %s: %w", p.Name, err), p.Disconnect())
	}
	return nil
}

func (p Place) connect(n Network, a netip.Addr) error {
	space, err := newNamespace(p.Namespace())
	if err != nil {
		return err
	}
	defer space.Close()
	bridge, err := netlink.LinkByName(n.Bridge)
	if err != nil {
		return err
	}
	const inside = "eth0"
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MasterIndex, attrs.Flags = p.Link(), bridge.Attrs().Index, net.FlagUp
	cable := &netlink.Veth{LinkAttrs: attrs, PeerName: inside, PeerNamespace: netlink.NsFd(space), PeerHardwareAddr: hardware(a)}
	if err := netlink.LinkAdd(cable); err != nil {
		return fmt.Errorf("make interface %s: %w", p.Link(), err)
	}
	in, err := netlink.NewHandleAt(space)
	if err != nil {
		return err
	}
	defer in.Close()
	for _, name := range []string{"lo", inside} {
		link, err := in.LinkByName(name)
		if err == nil && name == inside {
			err = in.AddrAdd(link, address(a, n.Prefix))
		}
		if err == nil {
			err = in.LinkSetUp(link)
		}
		if err != nil {
			return fmt.Errorf("set up its interface %s: %w", name, err)
		}
	}
	return in.RouteAdd(&netlink.Route{Gw: n.Gateway().AsSlice()})
}

// newNamespace makes a network namespace with a name.
func newNamespace(name string) (netns.NsHandle, error) {
	type made struct {
		handle netns.NsHandle
		err    error
	}
	result := make(chan made)
	go func() {
		// The thread is in the new namespace then. It is not unlocked: it ends with
		// the goroutine, and nothing else ever runs on it.
		runtime.LockOSThread()
		handle, err := netns.NewNamed(name)
		result <- made{handle, err}
	}()
	m := <-result
	if m.err != nil {
		return m.handle, fmt.Errorf("make network namespace %s: %w", name, m.err)
	}
	return m.handle, nil
}

// inside calls f on a thread that is in the node's network namespace.
func (p Place) inside(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // for good, as in newNamespace
		space, err := netns.GetFromName(p.Namespace())
		if err != nil {
			result <- fmt.Errorf("find network namespace %s: %w", p.Namespace(), err)
			return
		}
		defer space.Close()
		if err := netns.Set(space); err != nil {
			result <- fmt.Errorf("enter network namespace %s: %w", p.Namespace(), err)
			return
		}
		result <- f()
	}()
	return <-result
}

// Connected says whether the network namespace is there.
func (p Place) Connected() bool {
	var stat unix.Statfs_t
	return unix.Statfs(p.NamespaceFile(), &stat) == nil && stat.Type == unix.NSFS_MAGIC
}

// Disconnect removes the network namespace and the cable. What is not there is no
// error.
func (p Place) Disconnect() error {
	var errs []error
	// First: the namespace itself lives on as long as something is in it.
	switch link, err := netlink.LinkByName(p.Link()); {
	case err == nil:
		if err := netlink.LinkDel(link); err != nil {
			errs = append(errs, fmt.Errorf("remove interface %s: %w", p.Link(), err))
		}
	case !errors.As(err, &netlink.LinkNotFoundError{}):
		errs = append(errs, fmt.Errorf("find interface %s: %w", p.Link(), err))
	}
	path := p.NamespaceFile()
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		errs = append(errs, fmt.Errorf("unmount %s: %w", path, err))
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, fmt.Errorf("remove network namespace %s: %w", p.Namespace(), err))
	}
	return errors.Join(errs...)
}

// Bridges are those of a server's nodes.
func Bridges(server string) ([]netlink.Link, error) {
	all, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var ours []netlink.Link
	for _, link := range all {
		if link.Type() == "bridge" && link.Attrs().Alias == alias(server) {
			ours = append(ours, link)
		}
	}
	return ours, nil
}

// RemoveBridge removes one of those of a server's nodes, and what the packet filter has
// for it.
func RemoveBridge(ctx context.Context, server, name string) error {
	link, err := netlink.LinkByName(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err == nil {
		err = netlink.LinkDel(link)
	}
	if err != nil {
		return fmt.Errorf("remove interface %s: %w", name, err)
	}
	return setRules(ctx, server)
}

// setRules lets the nodes of all bridges of a server out; without a bridge, no rule
// is left.
func setRules(ctx context.Context, server string) error {
	bridges, err := Bridges(server)
	if err != nil {
		return err
	}
	ranges := map[string]netip.Prefix{}
	for _, bridge := range bridges {
		list, err := netlink.AddrList(bridge, netlink.FAMILY_V4)
		if err != nil {
			return fmt.Errorf("list the addresses of %s: %w", bridge.Attrs().Name, err)
		}
		for _, a := range list {
			if prefix, err := netip.ParsePrefix(a.IPNet.String()); err == nil {
				ranges[bridge.Attrs().Name] = prefix
			}
		}
	}
	if len(ranges) == 0 {
		return netfilter.RemoveNodes(ctx)
	}
	return netfilter.SetNodes(ctx, ranges)
}

// RemoveBridges removes all those of a server's nodes.
func RemoveBridges(ctx context.Context, server string) error {
	bridges, err := Bridges(server)
	if err != nil {
		return err
	}
	var errs []error
	for _, bridge := range bridges {
		errs = append(errs, RemoveBridge(ctx, server, bridge.Attrs().Name))
	}
	return errors.Join(errs...)
}
