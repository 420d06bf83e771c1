package facts

import (
	"fmt"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// resources finds what is nearly used up, and who is held back by a limit.
func resources(m *model.Model, emit func(Fact)) {
	m.Throttling(func(k model.Key, node string, t record.Throttling) {
		p := m.Pod(k)
		if p == nil || t.Periods < 50 || t.Throttled*4 < t.Periods {
			return
		}
		emit(Fact{ID: "CPUThrottled", Object: p.Workload.Key, Still: true, Strength: 0.9, Pods: []model.Key{k}, Size: float64(t.Throttled) / float64(t.Periods),
			Message:  fmt.Sprintf("its CPU limit holds container %s back in %d %% of the time", t.Container, 100*t.Throttled/t.Periods),
			Evidence: []Evidence{evidence("state", fmt.Sprintf("throttled in %d of %d periods", t.Throttled, t.Periods), m.Now)}})
	})
	m.Usage(func(k model.Key, node string, u record.Usage) {
		if u.Capacity == 0 || u.Used < 0.95*u.Capacity {
			return
		}
		f := Fact{Still: true, Strength: 0.85, Message: fmt.Sprintf("%s is used to %.0f %%", u.Resource, 100*u.Used/u.Capacity),
			Evidence: []Evidence{evidence("state", fmt.Sprintf("%s: %.0f of %.0f", u.Resource, u.Used, u.Capacity), m.Now)}}
		if p := m.Pod(k); p != nil {
			f.Object, f.Pods = p.Workload.Key, []model.Key{k}
			f.ID = map[string]string{"disk": "VolumeFull", "inodes": "VolumeFull", "memory": "MemoryNearLimit", "pids": "TooManyProcesses"}[u.Resource]
		} else if node != "" {
			f.Object = model.Key{Kind: model.KindNode, Name: node}
			f.ID = map[string]string{"disk": "NodeDiskPressure", "inodes": "NodeDiskPressure", "memory": "NodeMemoryPressure", "pids": "NodePIDPressure", "conntrack": "ConntrackFull", "cpu": "NodeCPUHigh"}[u.Resource]
			f.Quiet = u.Resource == "cpu" // a busy processor by itself harms nobody
		}
		if f.ID != "" {
			emit(f)
		}
	})
}
