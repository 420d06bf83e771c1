package reset

import (
	"context"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/layout"
)

// findPodNetwork returns what connects this node's pods to those of others: the
// interface of vxlan, with its routes, or the routes of host-gw.
func (n network) findPodNetwork(context.Context) ([]Item, error) {
	link, err := n.overlay()
	if err != nil {
		return nil, err
	}
	var items []Item
	if link != nil {
		items = append(items, Item{KindInterface, link.Attrs().Name})
	}
	routes, err := n.routes()
	for _, route := range routes {
		items = append(items, Item{KindRoute, route.Dst.String() + " via " + route.Gw.String()})
	}
	return items, err
}

func (n network) removePodNetwork(context.Context) error {
	link, err := n.overlay()
	if err == nil && link != nil {
		err = netlink.LinkDel(link)
	}
	errs := []error{err}
	routes, err := n.routes()
	errs = append(errs, err)
	for _, route := range routes {
		if err := netlink.RouteDel(&route); err != nil {
			errs = append(errs, fmt.Errorf("remove route to %s: %w", route.Dst, err))
		}
	}
	return errors.Join(errs...)
}

// overlay is our interface of vxlan, or nil.
func (n network) overlay() (netlink.Link, error) {
	if n.record == nil || n.record.Overlay {
		return nil, nil
	}
	link, err := netlink.LinkByName(layout.VXLANInterface)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find interface %s: %w", layout.VXLANInterface, err)
	}
	if link.Type() != "vxlan" {
		return nil, nil
	}
	return link, nil
}

// routes are those that are marked as ours.
func (n network) routes() ([]netlink.Route, error) {
	if n.record == nil {
		return nil, nil
	}
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Protocol: layout.RouteProtocol}, netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	return routes, nil
}
