package reset

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/vishvananda/netlink"

	"github.com/bulkhead-k8s/bulkhead/internal/localnode"
)

// FindNode returns what is on this host of a local node's. With keepData its files
// and its disk stay.
func FindNode(ctx context.Context, node localnode.Place, keepData bool) (*Plan, error) {
	return Find(ctx, nodeTarget(node, keepData))
}

func nodeTarget(node localnode.Place, keepData bool) Target {
	return Target{DataDir: node.DataDir(), CgroupRoot: node.CgroupRoot(), KeepData: keepData, local: &node}
}

// localNodes are the phases for all local nodes of a server, and for the bridges that
// they are connected to.
func (t Target) localNodes() ([]phase, error) {
	nodes, err := localnode.Find(t.DataDir)
	if err != nil {
		return nil, err
	}
	var phases []phase
	for _, node := range nodes {
		its, err := nodeTarget(node, t.KeepData).phases()
		if err != nil {
			return nil, err
		}
		phases = append(phases, its...)
	}
	return append(phases, phase{
		find: func(context.Context) ([]Item, error) {
			bridges, err := localnode.Bridges(t.DataDir)
			var items []Item
			for _, bridge := range bridges {
				items = append(items, Item{KindInterface, bridge.Attrs().Name})
			}
			return items, err
		},
		remove: func(ctx context.Context) error { return localnode.RemoveBridges(ctx, t.DataDir) },
	}), nil
}

// machine is what makes a local node one: its network, its disk, its folder.
type machine struct {
	node     localnode.Place
	keepData bool
}

func (m machine) phase() phase { return phase{m.find, m.remove} }

func (m machine) find(context.Context) ([]Item, error) {
	var items []Item
	if m.node.DiskMounted() {
		items = append(items, Item{KindMount, m.node.DataDir()})
	}
	if m.node.Connected() {
		items = append(items, Item{KindNamespace, m.node.Namespace()})
	}
	switch _, err := netlink.LinkByName(m.node.Link()); {
	case err == nil:
		items = append(items, Item{KindInterface, m.node.Link()})
	case !errors.As(err, &netlink.LinkNotFoundError{}):
		return nil, fmt.Errorf("find interface %s: %w", m.node.Link(), err)
	}
	if !m.keepData {
		for _, path := range existing(m.node.Dir()) {
			items = append(items, Item{KindFile, path})
		}
	}
	return items, nil
}

func (m machine) remove(context.Context) error {
	err := errors.Join(m.node.UnmountDisk(), m.node.Disconnect())
	if err != nil || m.keepData {
		return err // never delete through a mount
	}
	if err := os.RemoveAll(m.node.Dir()); err != nil {
		return fmt.Errorf("remove node %s: %w", m.node.Name, err)
	}
	return nil
}
