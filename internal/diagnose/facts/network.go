package facts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// near is how much less slowed down a workload may be than the most slowed down one
// and still be slow by itself. A delay adds the same time to everybody who waits:
// in proportion it is the greatest where the answer took least before, which is
// where it arises.
const near = 0.3

// network finds workloads and nodes whose network is slow or loses packets: they
// are slow, nothing that they call is slower in proportion, and they do not lack
// CPU or memory.
func network(m *model.Model, emit func(Fact)) {
	slow, busy := slowAndBusy(m)
	most := 0.0
	for _, a := range slow {
		most = max(most, a.Change)
	}
	var own []model.Key
	for k, a := range slow {
		w := m.Workload(k)
		if w == nil || busy[k] || a.Change == 0 || a.Change < near*most || waits(m, k, slow) {
			continue
		}
		own = append(own, k)
	}
	slices.SortFunc(own, model.Key.Compare)
	for _, k := range own {
		a := slow[k]
		emit(Fact{ID: "NetworkSlow", Object: k, Still: true, Since: a.Starts, Strength: 0.85, Size: a.Change,
			Message:  fmt.Sprintf("it is slowed down the most (%+.0f %%), nothing that it calls is more, and it does not lack CPU or memory: its network is slow or loses packets", a.Change),
			Evidence: []Evidence{evidence("alert", a.Name+": "+a.Text, a.Starts)}})
	}
	nodeNetwork(m, own, emit)
	starved(m, slow, emit)
}

func slowAndBusy(m *model.Model) (slow map[model.Key]model.Alert, busy map[model.Key]bool) {
	slow, busy = map[model.Key]model.Alert{}, map[model.Key]bool{}
	for _, a := range m.Alerts {
		c := alertClass(a)
		if c < 0 {
			continue
		}
		for _, k := range alertObjects(m, a) {
			switch alertClasses[c].id {
			case "Slow", "NetworkSlow", "PacketLoss":
				if old, ok := slow[k]; !ok || a.Change > old.Change {
					slow[k] = a
				}
			case "CPUHigh", "CPUThrottled", "MemoryHigh", "OOMAlert":
				busy[k] = busy[k] || a.Change > 20 || a.Change == 0
			}
		}
	}
	return slow, busy
}

// waits says that something that w calls is slowed down at least as much.
func waits(m *model.Model, w model.Key, slow map[model.Key]model.Alert) bool {
	return slices.ContainsFunc(m.Calls(w), func(c *model.Call) bool {
		a, ok := slow[c.To]
		return ok && a.Change >= slow[w].Change
	})
}

// nodeNetwork finds a node that has all workloads that are slow by themselves, if
// these are several.
func nodeNetwork(m *model.Model, own []model.Key, emit func(Fact)) {
	there := map[string][]string{}
	for _, k := range own {
		if len(m.Calls(k))+len(m.Callers(k)) == 0 {
			return // who waits for whom is not known: they may all wait for one
		}
		if node := onlyNode(m.Workload(k)); node != "" {
			there[node] = append(there[node], k.Name)
		}
	}
	for node, names := range there {
		if len(names) < 2 || len(names)*10 < len(own)*7 {
			continue
		}
		emit(Fact{ID: "NodeNetworkSlow", Object: model.Key{Kind: model.KindNode, Name: node}, Still: true, Strength: 0.9, Size: float64(len(names)),
			Message:  fmt.Sprintf("%d of the %d workloads that are slow by themselves are on the node (%s): its network is slow or loses packets", len(names), len(own), list(names)),
			Evidence: []Evidence{evidence("alert", "slow on the node: "+strings.Join(names, ", "), m.Now)}})
	}
}

// starved finds the workload that lost most of its traffic, if many lost some and
// none is slow: what stands before the others, or in their way.
func starved(m *model.Model, slow map[model.Key]model.Alert, emit func(Fact)) {
	if len(slow) > 0 {
		for _, a := range slow {
			if a.Change > 0 {
				return
			}
		}
	}
	var worst model.Key
	var at model.Alert
	many := map[model.Key]bool{}
	for _, a := range m.Alerts {
		if c := alertClass(a); c < 0 || alertClasses[c].id != "TrafficDrop" || a.Change >= 0 {
			continue
		}
		for _, k := range alertObjects(m, a) {
			many[k] = true
			if a.Change < at.Change {
				worst, at = k, a
			}
		}
	}
	if len(many) < 4 {
		return
	}
	emit(Fact{ID: "TrafficLost", Object: worst, Still: true, Since: at.Starts, Strength: 0.8, Size: -at.Change,
		Message:  fmt.Sprintf("it lost the most traffic (%+.0f %%) of %d workloads that lost some, and none answers slowly: what comes in is held up there", at.Change, len(many)),
		Evidence: []Evidence{evidence("alert", at.Name+": "+at.Text, at.Starts)}})
}
