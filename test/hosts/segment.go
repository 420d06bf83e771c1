package hosts

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
)

// Segment is a network of several namespaces, which reach each other through a
// bridge in the namespace of the tests. That has the gateway's address.
type Segment struct {
	// Gateway is the tests' address in it.
	Gateway netip.Addr

	bridge string
	next   netip.Addr
}

// NewSegment makes one without namespaces.
func NewSegment(ctx context.Context) (*Segment, error) {
	s := &Segment{bridge: fmt.Sprintf("bt%05xbr", rand.IntN(1<<20))}
	s.Gateway = freeRange(24).Addr().Next()
	s.next = s.Gateway.Next()
	for _, step := range []string{
		"link add " + s.bridge + " type bridge",
		"address add " + s.Gateway.String() + "/24 dev " + s.bridge,
		"link set " + s.bridge + " up",
	} {
		if err := ip(ctx, step); err != nil {
			return nil, fmt.Errorf("make network segment %s: %w", s.bridge, err)
		}
	}
	return s, nil
}

// New makes a namespace in the segment, whose name begins with label.
func (s *Segment) New(ctx context.Context, label string) (*Namespace, error) {
	n := &Namespace{
		Name: fmt.Sprintf("%s-%05x", label, rand.IntN(1<<20)), Gateway: s.Gateway, Address: s.next, segment: s,
	}
	s.next = s.next.Next()
	return n, n.make(ctx)
}

// Close removes the bridge, after the namespaces.
func (s *Segment) Close() error { return ip(context.Background(), "link delete "+s.bridge) }
