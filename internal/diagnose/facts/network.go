package facts

import (
	"fmt"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// network finds workloads and nodes whose network is slow or loses packets: they
// are slow, nothing that they call is, and they do not lack CPU or memory.
func network(m *model.Model, emit func(Fact)) {
	slow, busy := map[model.Key]model.Alert{}, map[model.Key]bool{}
	for _, a := range m.Alerts {
		c := alertClass(a)
		if c < 0 {
			continue
		}
		for _, k := range alertObjects(m, a) {
			switch alertClasses[c].id {
			case "Slow", "PacketLoss":
				if old, ok := slow[k]; !ok || a.Change > old.Change {
					slow[k] = a
				}
			case "CPUHigh", "CPUThrottled", "MemoryHigh", "OOMAlert":
				busy[k] = busy[k] || a.Change > 20 || a.Change == 0
			}
		}
	}
	leaves := map[model.Key]bool{}
	for k := range slow {
		w := m.Workload(k)
		if w == nil || busy[k] || calleeSlow(m, k, slow) {
			continue
		}
		leaves[k] = true
	}
	onNode := map[string]int{}
	for k := range slow {
		if w := m.Workload(k); w != nil {
			for _, p := range w.Pods {
				onNode[p.Spec.NodeName]++
			}
		}
	}
	for k := range leaves {
		a := slow[k]
		emit(Fact{ID: "NetworkSlow", Object: k, Still: true, Since: a.Starts, Strength: 0.7, Size: a.Change,
			Message:  fmt.Sprintf("it answers slowly (%+.0f %%), though nothing that it calls is slow and it does not lack CPU or memory: its network is slow or loses packets", a.Change),
			Evidence: []Evidence{evidence("alert", a.Name+": "+a.Text, a.Starts)}})
	}
	nodeNetwork(m, leaves, slow, emit)
}

// calleeSlow says that something that w calls is slow too, and not much less.
func calleeSlow(m *model.Model, w model.Key, slow map[model.Key]model.Alert) bool {
	for _, c := range m.Calls(w) {
		if _, ok := slow[c.To]; ok {
			return true
		}
	}
	return false
}

// nodeNetwork finds a node on which most of the workloads without slow callees
// are slow, and which has nearly all of those that are.
func nodeNetwork(m *model.Model, leaves map[model.Key]bool, slow map[model.Key]model.Alert, emit func(Fact)) {
	for _, n := range m.Nodes() {
		there, all := 0, 0
		names := []string{}
		for k := range leaves {
			all++
			for _, p := range m.Workload(k).Pods {
				if p.Spec.NodeName == n.Name {
					there++
					names = append(names, k.Name)
					break
				}
			}
		}
		if there >= 2 && there*10 >= all*7 {
			emit(Fact{ID: "NodeNetworkSlow", Object: model.Key{Kind: model.KindNode, Name: n.Name}, Still: true, Strength: 0.8, Size: float64(there),
				Message:  fmt.Sprintf("%d of the %d workloads that are slow by themselves are on the node (%s): its network is slow or loses packets", there, all, list(names)),
				Evidence: []Evidence{evidence("alert", fmt.Sprintf("slow on the node: %s", list(names)), m.Now)}})
		}
	}
}
