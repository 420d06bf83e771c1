package localnode

import (
	"fmt"
	"net/netip"
)

// Network is what the nodes of one bridge share.
type Network struct {
	Bridge string `json:"bridge"`
	// Prefix is the range of the nodes' addresses.
	Prefix netip.Prefix `json:"prefix"`
}

// Gateway is the bridge's own address, through which nodes reach everything else.
func (n Network) Gateway() netip.Addr { return n.Prefix.Masked().Addr().Next() }

// Validate refuses what cannot be a bridge with nodes.
func (n Network) Validate() error {
	if n.Bridge == "" || len(n.Bridge) > 15 {
		return fmt.Errorf("bridge %q: Linux gives an interface's name 1 to 15 bytes", n.Bridge)
	}
	if !n.Prefix.IsValid() || !n.Prefix.Addr().Is4() || n.Prefix.Bits() > 29 {
		return fmt.Errorf("range %s: want one of IPv4 that has room for nodes, such as 10.88.0.0/24", n.Prefix)
	}
	return nil
}

// Free is the first address of the range that is neither the bridge's nor taken.
func (n Network) Free(taken map[netip.Addr]bool) (netip.Addr, error) {
	for a := n.Gateway().Next(); n.Prefix.Contains(a) && n.Prefix.Contains(a.Next()); a = a.Next() { // the last is for broadcasts
		if !taken[a] {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("all addresses of %s are taken; give the pool a larger provider.local.cidr", n.Prefix)
}
