package podnetwork

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/flannel-io/flannel/pkg/lease"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func options() Options {
	return Options{NodeName: "self", NodeIP: netip.MustParseAddr("192.0.2.1"), Backend: VXLAN, ClusterCIDR: netip.MustParsePrefix("10.42.0.0/16")}
}

func peer(cidr, address, data string) *v1.Node {
	return &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "peer", Annotations: map[string]string{annotationType: VXLAN, annotationData: data, annotationAddress: address}},
		Spec:       v1.NodeSpec{PodCIDR: cidr},
	}
}

// What happens to a node becomes what flannel's backends have to do.
func TestEventsOfAPeer(t *testing.T) {
	for _, tc := range []struct {
		name string
		then func(l *leases)
		want []string
	}{
		{"nothing changes", func(l *leases) { l.seen(peer("10.42.1.0/24", "192.0.2.2", "{}")) }, nil},
		{"its address changes", func(l *leases) { l.seen(peer("10.42.1.0/24", "192.0.2.3", "{}")) },
			[]string{"- 10.42.1.0/24 192.0.2.2", "+ 10.42.1.0/24 192.0.2.3"}},
		{"it is made anew, with another range", func(l *leases) { l.gone("peer"); l.seen(peer("10.42.2.0/24", "192.0.2.2", "{}")) },
			[]string{"- 10.42.1.0/24 192.0.2.2", "+ 10.42.2.0/24 192.0.2.2"}},
		{"it comes back with another interface", func(l *leases) { l.seen(peer("10.42.1.0/24", "192.0.2.2", `{"VtepMAC":"x"}`)) },
			[]string{"- 10.42.1.0/24 192.0.2.2", "+ 10.42.1.0/24 192.0.2.2"}},
		{"it is removed", func(l *leases) { l.gone("peer"); l.gone("peer") }, []string{"- 10.42.1.0/24 192.0.2.2"}},
		{"it notes nonsense", func(l *leases) { l.seen(peer("10.42.1.0/24", "here", "{}")) }, []string{"- 10.42.1.0/24 192.0.2.2"}},
	} {
		l := newLeases(fake.NewClientset(), options())
		l.seen(peer("", "", "")) // it has registered, and nothing more
		l.seen(peer("10.42.1.0/24", "192.0.2.2", "{}"))
		l.changes = nil
		tc.then(l)
		var got []string
		for _, event := range l.changes {
			sign := map[lease.EventType]string{lease.EventAdded: "+ ", lease.EventRemoved: "- "}[event.Type]
			got = append(got, sign+event.Lease.Subnet.String()+" "+event.Lease.Attrs.PublicIP.String())
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// A node that is alone waits; its own Node does not count.
func TestOnlyAnotherNodeStartsTheNetwork(t *testing.T) {
	l := newLeases(fake.NewClientset(), options())
	l.seen(&v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "self"}, Spec: v1.NodeSpec{PodCIDR: "10.42.0.0/24"}})
	select {
	case <-l.another:
		t.Fatal("its own Node is taken for another")
	default:
	}
	l.seen(&v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "peer"}})
	select {
	case <-l.another:
	default:
		t.Error("another node is not seen")
	}
}

func TestLeaseIsNotedOnTheNodeAndReadBack(t *testing.T) {
	self := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "self"}, Spec: v1.NodeSpec{PodCIDR: "10.42.0.0/24"}}
	client := fake.NewClientset(self)
	l := newLeases(client, options())
	l.seen(self)
	got, err := l.AcquireLease(t.Context(), &lease.LeaseAttrs{BackendType: VXLAN, PublicIP: 0xc0000201, BackendData: []byte(`{"VNI":66,"VtepMAC":"0a:00:00:00:00:01"}`)})
	if err != nil || got.Subnet.String() != "10.42.0.0/24" {
		t.Fatalf("lease %+v, %v", got, err)
	}
	stored, err := client.CoreV1().Nodes().Get(t.Context(), "self", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l.seen(stored)
	if mac, _ := l.GetStoredMacAddresses(t.Context()); mac != "0a:00:00:00:00:01" {
		t.Errorf("the address that is remembered is %q", mac)
	}
	read, ok := leaseOf(stored)
	if !ok || !sameLease(read, *got) {
		t.Errorf("others read %+v, want %+v", read, *got)
	}
}

func TestWatchEndsWithItsContextAndSendsNothingEmpty(t *testing.T) {
	l := newLeases(fake.NewClientset(), options())
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan []lease.LeaseWatchResult)
	ended := make(chan error, 1)
	go func() { ended <- l.WatchLeases(ctx, results) }()
	l.seen(peer("10.42.1.0/24", "192.0.2.2", "{}"))
	first := <-results
	if len(first) != 1 || len(first[0].Events) != 1 {
		t.Errorf("sent %+v", first)
	}
	cancel()
	select {
	case more, open := <-results:
		if open {
			t.Errorf("sent %+v after the end", more)
		}
	case <-time.After(10 * time.Second):
		t.Error("the channel stays open, so that the backend never ends")
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
