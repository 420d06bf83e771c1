package facts

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
)

// spreading finds what makes one node after the other fail: workloads that were on
// each of them, and nodes that fail together.
func spreading(m *model.Model, emit func(Fact)) {
	ill := illNodes(m)
	together(m, ill, emit)
	if len(ill) == 0 {
		return
	}
	for _, w := range m.Workloads() {
		if w.Key.Kind == model.KindDaemonSet && len(ill)*2 < len(nodesWith(w)) {
			continue // it is on all nodes; that it is on those that fail says nothing
		}
		on := map[string]bool{}
		for _, p := range w.Pods {
			if _, is := ill[p.Spec.NodeName]; is && hungry(m, w, p) {
				on[p.Spec.NodeName] = true
			}
		}
		if len(on) < 2 || len(on) < len(ill) {
			continue
		}
		names := sortedNames(on)
		f := Fact{ID: "NodeKiller", Object: w.Key, Still: true, Strength: 0.85, Size: float64(len(on)), Since: firstOf(w),
			Message:  fmt.Sprintf("it was on each of the %d nodes that fail (%s), and nothing bounds what it takes: when one fails, it goes to the next", len(on), list(names)),
			Evidence: []Evidence{evidence("state", "its pods, also those that have ended, were on "+list(names), m.Now)}}
		for _, n := range names {
			f.About = append(f.About, model.Key{Kind: model.KindNode, Name: n})
		}
		emit(f)
	}
}

// illNodes are those not ready or under pressure, with the time since when.
func illNodes(m *model.Model) map[string]time.Time {
	ill := map[string]time.Time{}
	for _, n := range m.Nodes() {
		for _, c := range n.Status.Conditions {
			bad := c.Type == corev1.NodeReady && c.Status != corev1.ConditionTrue ||
				(c.Type == corev1.NodeMemoryPressure || c.Type == corev1.NodeDiskPressure) && c.Status == corev1.ConditionTrue
			if bad {
				ill[n.Name] = c.LastTransitionTime.Time
			}
		}
		for _, e := range m.Events(model.Key{Kind: model.KindNode, Name: n.Name}) {
			if e.Reason == "SystemOOM" && m.Now.Sub(e.Last) < time.Hour {
				ill[n.Name] = e.First
			}
		}
	}
	return ill
}

// hungry says that a pod may take what it likes, or was seen to take much.
func hungry(m *model.Model, w *model.Workload, p *model.Pod) bool {
	if p.Status.Reason == "Evicted" || p.Status.Reason == "OOMKilled" || len(m.Cores(p.Key)) > 0 {
		return true
	}
	spec := w.Spec()
	if spec == nil {
		return false
	}
	for i := range spec.Containers {
		if _, ok := spec.Containers[i].Resources.Limits[corev1.ResourceMemory]; !ok {
			return true
		}
	}
	return false
}

// nodesWith are the nodes that have pods of a workload.
func nodesWith(w *model.Workload) map[string]bool {
	on := map[string]bool{}
	for _, p := range w.Pods {
		if p.Spec.NodeName != "" {
			on[p.Spec.NodeName] = true
		}
	}
	return on
}

func sortedNames(set map[string]bool) []string {
	var out []string
	for n := range set {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func firstOf(w *model.Workload) time.Time {
	var t time.Time
	for _, p := range w.Pods {
		t = earliest(t, p.Since())
	}
	return t
}

// together finds nodes that ceased to be ready within minutes of each other: that
// is rarely chance.
func together(m *model.Model, ill map[string]time.Time, emit func(Fact)) {
	if len(ill) < 3 || len(ill)*5 < len(m.Nodes()) {
		return
	}
	var first, last time.Time
	for _, t := range ill {
		first = earliest(first, t)
		if t.After(last) {
			last = t
		}
	}
	if first.IsZero() || last.Sub(first) > 10*time.Minute {
		return
	}
	names := map[string]bool{}
	for n := range ill {
		names[n] = true
	}
	f := Fact{ID: "NodesLostTogether", Object: model.Key{}, Still: true, Since: first, Strength: 0.7, Size: float64(len(ill)),
		Message:  fmt.Sprintf("%d of %d nodes failed within %s (%s): look for what they have in common: network, provider, an update", len(ill), len(m.Nodes()), last.Sub(first).Round(time.Second), list(sortedNames(names))),
		Evidence: []Evidence{evidence("state", "conditions of the nodes", first)}}
	emit(f)
}

// nodeChanges finds what was changed on nodes: labels, taints, software.
func nodeChanges(m *model.Model, emit func(Fact)) {
	for _, o := range m.Objects(model.KindNode) {
		for _, c := range o.Changes {
			id := "NodeChanged"
			switch {
			case strings.HasPrefix(c.Path, "metadata.labels") && c.To == "":
				id = "NodeLabelRemoved"
			case strings.HasPrefix(c.Path, "metadata.labels"):
				continue
			case strings.HasPrefix(c.Path, "spec.unschedulable"):
				continue
			}
			emit(Fact{ID: id, Object: o.Key, Still: true, Since: c.Time, Strength: 0.8, Message: "the node was changed: " + c.String(),
				Evidence: []Evidence{evidence("change", c.String()+by(c), c.Time)}})
		}
	}
	for _, w := range m.Workloads() {
		spec := w.Spec()
		if w.Key.Kind != model.KindDaemonSet || spec == nil || len(spec.NodeSelector) == 0 || !m.Listed(model.KindNode, "") && !wantsNone(w) {
			continue
		}
		if slices.ContainsFunc(m.Nodes(), func(n *corev1.Node) bool { return model.Matches(spec.NodeSelector, n.Labels) }) {
			continue
		}
		emit(Fact{ID: "DaemonSetSelectsNoNode", Object: w.Key, Still: true, Strength: 0.85, Since: model.Since(w.Object),
			Message:  "no node has the labels of its node selector: " + labels(spec.NodeSelector),
			Evidence: []Evidence{evidence("state", "none of the nodes has "+labels(spec.NodeSelector), m.Now)}})
	}
}

// wantsNone says that a DaemonSet's controller itself found no node for it.
func wantsNone(w *model.Workload) bool {
	return w.Object != nil && w.Object.Whole() && w.Replicas != nil && *w.Replicas == 0
}

// flood finds who asks the API server the most, if that is most of all.
func flood(m *model.Model, emit func(Fact)) {
	count, total := map[string]int{}, 0
	turned := 0
	for _, a := range m.Audits() {
		count[a.User]++
		total++
		if a.Code == 429 || a.Code >= 500 || a.Latency > 5*time.Second {
			turned++
		}
	}
	if total < 50 || turned*20 < total {
		return
	}
	for user, n := range count {
		if n*2 < total {
			continue
		}
		f := Fact{ID: "APIClientFlood", Object: model.Key{Kind: "User", Name: user}, Still: true, Strength: 0.85, Size: float64(n),
			Message:  fmt.Sprintf("%s makes %d %% of all requests to the API server, which turns away or delays %d %%", user, 100*n/total, 100*turned/total),
			Evidence: []Evidence{evidence("state", fmt.Sprintf("audit log: %d of %d requests are of %s", n, total, user), m.Now)}}
		if w := accountUser(m, user); w != nil {
			f.Object = w.Key
		}
		emit(f)
		emit(Fact{ID: "APIServerOverloaded", Object: model.Key{Kind: "Component", Name: "kube-apiserver"}, Still: true, Strength: 0.8,
			Message:  fmt.Sprintf("it turns away or delays %d of %d requests", turned, total),
			Evidence: []Evidence{evidence("state", "audit log: 429, 5xx or over 5 s", m.Now)}})
	}
}

var accountOf = lazyregexp.New(`^system:serviceaccount:([^:]+):(.+)$`)

// accountUser is the workload that runs as a ServiceAccount.
func accountUser(m *model.Model, user string) *model.Workload {
	g := accountOf.FindStringSubmatch(user)
	if g == nil {
		return nil
	}
	for _, w := range m.Workloads() {
		if spec := w.Spec(); w.Key.Namespace == g[1] && spec != nil && spec.ServiceAccountName == g[2] {
			return w
		}
	}
	return nil
}
