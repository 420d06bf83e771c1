package simulate

import (
	"net/netip"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// addresses gives each pod one of a range. It is safe for concurrent use.
type addresses struct {
	prefix netip.Prefix

	mu    sync.Mutex // guards all below
	last  netip.Addr // the one given out last; the search goes on behind it
	byPod map[types.UID]netip.Addr
	taken map[netip.Addr]struct{}
}

func newAddresses(prefix netip.Prefix) *addresses {
	return &addresses{
		prefix: prefix.Masked(),
		last:   prefix.Masked().Addr(),
		byPod:  map[types.UID]netip.Addr{},
		taken:  map[netip.Addr]struct{}{},
	}
}

// reserve notes that pod has an address already, from before a restart.
func (a *addresses) reserve(pod types.UID, address string) {
	ip, err := netip.ParseAddr(address)
	if err != nil || !a.prefix.Contains(ip) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.byPod[pod] = ip
	a.taken[ip] = struct{}{}
}

// of returns pod's address, for the first time a new one. It is invalid if all
// are taken.
func (a *addresses) of(pod types.UID) netip.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ip, has := a.byPod[pod]; has {
		return ip
	}
	start := a.last
	for ip := a.next(start); ip != start; ip = a.next(ip) {
		if _, taken := a.taken[ip]; taken || ip == a.prefix.Addr() {
			continue
		}
		a.last = ip
		a.byPod[pod] = ip
		a.taken[ip] = struct{}{}
		return ip
	}
	return netip.Addr{}
}

// next goes round the range.
func (a *addresses) next(ip netip.Addr) netip.Addr {
	if ip = ip.Next(); !a.prefix.Contains(ip) {
		return a.prefix.Addr()
	}
	return ip
}

func (a *addresses) release(pod types.UID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ip, has := a.byPod[pod]; has {
		delete(a.byPod, pod)
		delete(a.taken, ip)
	}
}
