package reset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/host"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/layout"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/netfilter"
)

// network is what lies in the host's network namespace, and the kernel's
// settings. Without a record no node of ours ran here since the boot, and
// whatever has names like ours is somebody else's.
type network struct {
	record *host.Record
	paths  layout.Paths
}

func (n network) findLinks(context.Context) ([]Item, error) {
	links, err := n.links()
	if err != nil {
		return nil, err
	}
	var items []Item
	for _, link := range links {
		items = append(items, Item{KindInterface, link.Attrs().Name})
	}
	return items, nil
}

// links returns our bridge and what is plugged into it, plugs first.
func (n network) links() ([]netlink.Link, error) {
	if n.record == nil || n.record.Bridge {
		return nil, nil
	}
	bridge, err := netlink.LinkByName(layout.Bridge)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find interface %s: %w", layout.Bridge, err)
	}
	if bridge.Type() != "bridge" {
		return nil, nil
	}
	all, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	var links []netlink.Link
	for _, link := range all {
		if link.Attrs().MasterIndex == bridge.Attrs().Index && link.Type() == "veth" {
			links = append(links, link)
		}
	}
	return append(links, bridge), nil
}

func (n network) removeLinks(context.Context) error {
	links, err := n.links()
	if err != nil {
		return err
	}
	var errs []error
	for _, link := range links {
		if err := netlink.LinkDel(link); err != nil {
			if _, err := netlink.LinkByIndex(link.Attrs().Index); errors.As(err, &netlink.LinkNotFoundError{}) {
				continue // it went with its network namespace
			}
			errs = append(errs, fmt.Errorf("remove interface %s: %w", link.Attrs().Name, err))
		}
	}
	return errors.Join(errs...)
}

func (n network) tables(ctx context.Context) ([]netfilter.Table, error) {
	if n.record == nil {
		return nil, nil
	}
	present, err := netfilter.Tables(ctx)
	return netfilter.OurTables(present, n.record.Tables), err
}

func (n network) findTables(ctx context.Context) ([]Item, error) {
	tables, err := n.tables(ctx)
	return named(KindTable, tables), err
}

func (n network) removeTables(ctx context.Context) error {
	tables, err := n.tables(ctx)
	return errors.Join(err, netfilter.RemoveTables(ctx, tables))
}

func (n network) chains(ctx context.Context) ([]netfilter.Chain, error) {
	if n.record == nil {
		return nil, nil
	}
	present, err := netfilter.Chains(ctx)
	return netfilter.OurChains(present, n.record.Chains), err
}

func (n network) findChains(ctx context.Context) ([]Item, error) {
	chains, err := n.chains(ctx)
	return named(KindChain, chains), err
}

func (n network) removeChains(ctx context.Context) error {
	chains, err := n.chains(ctx)
	if n.record == nil || err != nil {
		return err
	}
	return errors.Join(netfilter.RemoveChains(ctx, chains), netfilter.RemoveEmptyIptables(ctx, n.record.Tables))
}

// othersRun says whether another node of ours runs on this machine, by the
// directories of their shims' sockets.
func (n network) othersRun() bool {
	entries, _ := os.ReadDir(filepath.Dir(n.paths.ShimSockets))
	for _, entry := range entries {
		if entry.Name() != filepath.Base(n.paths.ShimSockets) {
			return true
		}
	}
	return false
}

// settings returns the record of what is to be restored: all, or only that of
// this network namespace if another node still depends on the rest.
func (n network) settings() *host.Record {
	if n.record != nil && n.othersRun() {
		return n.record.OfNetwork()
	}
	return n.record
}

func (n network) findSettings(context.Context) ([]Item, error) {
	if n.record == nil {
		return nil, nil
	}
	var items []Item
	for _, name := range n.settings().Changed() {
		items = append(items, Item{KindSetting, name})
	}
	return items, nil
}

func (n network) restoreSettings(context.Context) error {
	if n.record == nil {
		return nil
	}
	return n.settings().RestoreSysctls()
}

func named[T fmt.Stringer](kind Kind, things []T) []Item {
	var items []Item
	for _, thing := range things {
		items = append(items, Item{kind, thing.String()})
	}
	return items
}
