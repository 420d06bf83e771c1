package facts

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// hogFacts are what it is to take most of a node's resource, by resource.
var hogFacts = map[string]struct{ id, text string }{
	"cpu":    {"CPUHigh", "processor time"},
	"memory": {"MemoryHigh", "memory"},
	"disk":   {"DiskHigh", "disk"},
	"pids":   {"TooManyProcesses", "process numbers"},
}

// hogs finds workloads whose pods on one node together use more of it than all
// others: by itself that harms nobody.
func hogs(m *model.Model, emit func(Fact)) {
	type share struct {
		workload       model.Key
		node, resource string
	}
	used := map[share]float64{}
	pods := map[share][]model.Key{}
	whole := map[[2]string]record.Usage{}
	m.Usage(func(k model.Key, node string, u record.Usage) {
		if k.Kind == model.KindNode {
			whole[[2]string{k.Name, u.Resource}] = u
			return
		}
		if p := m.Pod(k); p != nil && hogFacts[u.Resource].id != "" {
			s := share{p.Workload.Key, p.Spec.NodeName, u.Resource}
			used[s] += u.Used
			pods[s] = append(pods[s], k)
		}
	})
	for s, amount := range used {
		capacity := nodeCapacity(m, s.node, s.resource, whole[[2]string{s.node, s.resource}])
		if s.node == "" || capacity == 0 || amount < 0.5*capacity {
			continue
		}
		slices.SortFunc(pods[s], model.Key.Compare)
		h := hogFacts[s.resource]
		emit(Fact{ID: h.id, Object: s.workload, Still: true, Quiet: true, Strength: 0.9, Pods: slices.Compact(pods[s]), Size: amount / capacity,
			Message:  fmt.Sprintf("its pods on %s use %.0f %% of the node's %s", s.node, 100*amount/capacity, h.text),
			Evidence: []Evidence{evidence("state", fmt.Sprintf("%s: %.4g of %.4g on %s", s.resource, amount, capacity, s.node), m.Now)}})
	}
}

// nodeCapacity is how much a node has, as measured or else as it says itself.
func nodeCapacity(m *model.Model, node, resource string, u record.Usage) float64 {
	if u.Capacity > 0 {
		return u.Capacity
	}
	name := map[string]corev1.ResourceName{"cpu": corev1.ResourceCPU, "memory": corev1.ResourceMemory, "disk": corev1.ResourceEphemeralStorage}[resource]
	for _, n := range m.Nodes() {
		if q, ok := n.Status.Allocatable[name]; n.Name == node && ok {
			return q.AsApproximateFloat64()
		}
	}
	return 0
}
