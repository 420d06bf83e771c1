package simulate

import (
	"net/netip"
	"strconv"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestNodesAreReadyAndApart(t *testing.T) {
	seen := map[string]bool{}
	for i := range 1000 {
		node := newNode("simulated-", i, t0)
		if ip := internalIP(node); seen[ip] || !netip.MustParsePrefix("198.18.0.0/15").Contains(netip.MustParseAddr(ip)) {
			t.Fatalf("node %d has address %s, out of range or twice", i, ip)
		} else {
			seen[ip] = true
		}
		if !isReady(node) || node.Labels[LabelSimulated] != "true" || node.Labels[v1.LabelHostname] != node.Name {
			t.Fatalf("node %+v", node)
		}
	}
	node := newNode("n", 0, t0)
	if cpu, pods := node.Status.Allocatable.Cpu(), node.Status.Allocatable.Pods(); cpu.Value() != 32 || pods.Value() != 110 {
		t.Errorf("allocatable %v", node.Status.Allocatable)
	}
}

func TestReadyStatusKeepsWhatTheNodesMakerSet(t *testing.T) {
	node := newNode("n", 0, t0)
	node.Status.Capacity[v1.ResourceCPU] = *node.Status.Capacity.Pods()
	node.Status.Conditions = []v1.NodeCondition{{Type: v1.NodeReady, Status: v1.ConditionUnknown}, {Type: "Own", Status: v1.ConditionTrue}}
	node.Status = readyStatus(node, t0.Add(time.Minute))
	if cpu := node.Status.Capacity.Cpu(); cpu.Value() != 110 {
		t.Errorf("capacity was replaced: %v", cpu)
	}
	if !isReady(node) || node.Status.Conditions[1].Type != "Own" {
		t.Errorf("conditions %+v", node.Status.Conditions)
	}
	if ready := node.Status.Conditions[0]; !ready.LastTransitionTime.Time.Equal(t0.Add(time.Minute)) {
		t.Errorf("transition time %v was not set", ready.LastTransitionTime)
	}
}

func TestAddressesAreGivenOnceAndComeBack(t *testing.T) {
	a := newAddresses(netip.MustParsePrefix("10.0.0.0/29")) // 7 besides the network's
	a.reserve("old", "10.0.0.1")
	a.reserve("foreign", "192.168.0.1")
	given := map[netip.Addr]bool{}
	for i := range 6 {
		ip := a.of(types.UID(strconv.Itoa(i)))
		if !ip.IsValid() || given[ip] || ip == netip.MustParseAddr("10.0.0.1") || ip == netip.MustParseAddr("10.0.0.0") {
			t.Fatalf("pod %d got %v", i, ip)
		}
		given[ip] = true
	}
	if again := a.of("3"); !given[again] {
		t.Errorf("a pod's address changed to %v", again)
	}
	if ip := a.of("more"); ip.IsValid() {
		t.Errorf("got %v from an empty range", ip)
	}
	a.release("old")
	if ip := a.of("more"); ip != netip.MustParseAddr("10.0.0.1") {
		t.Errorf("got %v, want the released one", ip)
	}
}

func TestEveryNodeIsInAUsedSlot(t *testing.T) {
	for _, nodes := range []int{0, 1, 3, 10, 1000} {
		for i := range nodes {
			if slot := slotOf("simulated-"+strconv.Itoa(i), nodes); slot < 0 || slot >= min(slots, nodes) {
				t.Errorf("node %d of %d in slot %d", i, nodes, slot)
			}
		}
	}
}
