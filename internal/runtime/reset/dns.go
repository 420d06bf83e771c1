package reset

import (
	"context"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"

	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/dns/address"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/netfilter"
)

// findDNS returns what carries the cluster DNS address: an interface and its
// packet filters, all of one name.
func (n network) findDNS(ctx context.Context) ([]Item, error) {
	if n.record == nil {
		return nil, nil
	}
	var items []Item
	_, err := netlink.LinkByName(address.DefaultInterface)
	switch {
	case err == nil:
		items = append(items, Item{KindInterface, address.DefaultInterface})
	case !errors.As(err, &netlink.LinkNotFoundError{}):
		return nil, fmt.Errorf("find interface %s: %w", address.DefaultInterface, err)
	}
	tables, err := netfilter.Tables(ctx)
	for _, table := range tables {
		if table.Name == address.DefaultInterface {
			items = append(items, Item{KindTable, table.String()})
		}
	}
	return items, err
}

func (n network) removeDNS(ctx context.Context) error {
	if n.record == nil {
		return nil
	}
	return address.Remove(ctx, address.DefaultInterface)
}
