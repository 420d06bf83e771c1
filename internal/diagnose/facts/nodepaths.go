package facts

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/logline"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// nodePaths finds nodes from which Services cannot be reached that are well: their
// pods are ready, their ports right, and who calls them is on that node.
func nodePaths(m *model.Model, emit func(Fact)) {
	type trouble struct {
		callers []string
		sample  string
		pods    []model.Key
	}
	from := map[string]*trouble{}
	failing := map[model.Key]bool{}
	for _, w := range m.Workloads() {
		for _, l := range m.LogsOf(w) {
			for _, h := range l.Hits {
				if broken(h) && h.Late() {
					failing[w.Key] = true
				}
			}
		}
	}
	for _, w := range m.Workloads() {
		node := onlyNode(w)
		if node == "" || !failing[w.Key] {
			continue
		}
		for _, l := range m.LogsOf(w) {
			for _, h := range l.Hits {
				s := wellService(m, w, h)
				if s == nil && len(h.Addresses) == 0 && broken(h) && h.Late() {
					s = onlyWell(m, w)
				}
				if s == nil || blamed(m, s, failing) {
					continue
				}
				t := from[node]
				if t == nil {
					t = &trouble{}
					from[node] = t
				}
				t.callers = append(t.callers, w.Key.Name+" to "+s.Key.Name)
				t.sample = h.Sample
				t.pods = append(t.pods, keys(w.Pods)...)
			}
		}
	}
	for node, t := range from {
		f := Fact{ID: "ServiceRoutingBroken", Object: model.Key{Kind: model.KindNode, Name: node}, Still: true, Strength: 0.65, Size: float64(len(t.callers)), Pods: t.pods,
			Message:  "from the node, calls to Services fail whose pods are ready: " + list(t.callers),
			Evidence: []Evidence{evidence("log", t.sample, m.Now), evidence("state", "the Services called have ready endpoints", m.Now)}}
		if len(from) > 1 {
			f.Strength = 0.45
		}
		if len(from) == 1 {
			f.Evidence = append(f.Evidence, evidence("state", fmt.Sprintf("no caller on another node has that trouble; it is only %s", node), m.Now))
		}
		emit(f)
	}
}

func broken(h *model.LogHit) bool {
	switch h.ID {
	case logline.ConnectionRefused, logline.ConnectionTimeout, logline.NoRoute, logline.DBUnreachable, logline.Unavailable:
		return true
	}
	return false
}

// onlyNode is the node of all of a workload's pods, if they are on one.
func onlyNode(w *model.Workload) string {
	node := ""
	for _, p := range w.Pods {
		if p.Spec.NodeName == "" || node != "" && node != p.Spec.NodeName {
			return ""
		}
		node = p.Spec.NodeName
	}
	return node
}

// wellService is the Service that a failing call goes to, if all is well with it.
func wellService(m *model.Model, w *model.Workload, h *model.LogHit) *model.Service {
	if !broken(h) || !h.Late() {
		return nil
	}
	for _, a := range h.Addresses {
		s := m.Resolve(w.Key.Namespace, a.Host).Service
		if s == nil || s.Spec.ClusterIP == corev1.ClusterIPNone || a.Port != 0 && s.Port(a.Port) == nil || len(s.Workloads) == 0 {
			continue
		}
		if !well(w, s) {
			return nil
		}
		return s
	}
	return nil
}

// onlyWell is a Service that w calls, if all that it calls are well: where a log
// does not say whom the failing call was for, it was for one of these.
func onlyWell(m *model.Model, w *model.Workload) *model.Service {
	var one *model.Service
	for _, c := range m.Calls(w.Key) {
		if c.Service == nil || c.Service.Spec.ClusterIP == corev1.ClusterIPNone || c.Service.Port(c.Address.Port) == nil || !well(w, c.Service) {
			return nil
		}
		one = c.Service
	}
	if len(m.Dangling(w.Key)) > 0 {
		return nil
	}
	return one
}

// well says that pods are ready behind the Service, and that its ports are theirs.
func well(w *model.Workload, s *model.Service) bool {
	for _, to := range s.Workloads {
		h := healthOf(to)
		if !h.fine() || h.restarts > 1 || h.ready == 0 || to == w {
			return false
		}
		spec := to.Spec()
		if spec == nil {
			continue
		}
		for _, p := range s.Spec.Ports {
			target := p.TargetPort.IntValue()
			if target == 0 && p.TargetPort.StrVal == "" {
				target = int(p.Port)
			}
			declared, has := containerPorts(spec, target, p.TargetPort.StrVal)
			if !has && len(declared) > 0 || p.Protocol == corev1.ProtocolUDP {
				return false
			}
		}
	}
	return len(s.Workloads) > 0
}

// blamed says that the workload behind the Service has trouble of its own, which
// explains that it does not answer.
func blamed(m *model.Model, s *model.Service, failing map[model.Key]bool) bool {
	for _, w := range s.Workloads {
		if failing[w.Key] {
			return true
		}
	}
	return false
}
