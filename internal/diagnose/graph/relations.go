package graph

import (
	"slices"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/facts"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/rules"
)

// neighbours finds the objects that stand in a relation, and keeps what it found.
type neighbours struct {
	m    *model.Model
	kept map[keptID][]model.Key
}

type keptID struct {
	relation rules.Relation
	key      model.Key
}

func newNeighbours(m *model.Model) *neighbours {
	return &neighbours{m: m, kept: map[keptID][]model.Key{}}
}

// related are the facts among causes that stand in the relation to an effect.
func (n *neighbours) related(all []facts.Fact, rel rules.Relation, effect int, causes []int, byObject map[model.Key][]int) []int {
	e := &all[effect]
	switch rel {
	case rules.Same:
		return byObject[e.Object]
	case rules.Target:
		var out []int
		for _, c := range byObject[e.Object] {
			if len(e.About) == 0 || slices.ContainsFunc(all[c].About, func(k model.Key) bool { return slices.Contains(e.About, k) }) {
				out = append(out, c)
			}
		}
		return out
	case rules.Cluster:
		return causes
	case rules.Namespace:
		var out []int
		for _, c := range causes {
			if all[c].Object.Namespace == e.Object.Namespace {
				out = append(out, c)
			}
		}
		return out
	case rules.Names:
		var out []int
		for _, k := range e.About {
			out = append(out, byObject[k]...)
		}
		for _, c := range causes {
			if slices.Contains(all[c].About, e.Object) && !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
		return out
	}
	var out []int
	for _, k := range n.of(rel, e) {
		out = append(out, byObject[k]...)
	}
	return out
}

// of are the objects of which a cause in this relation to the effect may be.
func (n *neighbours) of(rel rules.Relation, e *facts.Fact) []model.Key {
	if rel == rules.Calls && len(e.About) > 0 && names(e.ID) {
		return n.expand(e)
	}
	if rel == rules.RunsOn && len(e.Pods) > 0 {
		return n.nodesOf(e.Pods)
	}
	id := keptID{rel, e.Object}
	if keys, ok := n.kept[id]; ok {
		return keys
	}
	keys := n.find(rel, e.Object)
	n.kept[id] = keys
	return keys
}

// names says that such facts name whom they call, so that no other is meant.
func names(id string) bool {
	return id == "CallsFail" || id == "NameNotResolved" || id == "DatabaseUnreachable"
}

// expand are the objects that a failing call names, with the workloads behind
// Services among them.
func (n *neighbours) expand(e *facts.Fact) []model.Key {
	var out []model.Key
	for _, k := range e.About {
		out = append(out, k)
		if s := n.m.Service(k); s != nil {
			for _, w := range s.Workloads {
				out = append(out, w.Key)
			}
		}
	}
	slices.SortFunc(out, model.Key.Compare)
	return slices.Compact(out)
}

func (n *neighbours) nodesOf(pods []model.Key) []model.Key {
	var out []model.Key
	for _, k := range pods {
		if p := n.m.Pod(k); p != nil && p.Spec.NodeName != "" {
			node := model.Key{Kind: model.KindNode, Name: p.Spec.NodeName}
			if !slices.Contains(out, node) {
				out = append(out, node)
			}
		}
	}
	return out
}

func (n *neighbours) find(rel rules.Relation, k model.Key) []model.Key {
	w := n.m.Workload(k)
	var out []model.Key
	switch rel {
	case rules.Selects:
		if s := n.m.Service(k); s != nil {
			for _, w := range s.Workloads {
				out = append(out, w.Key)
			}
		}
	case rules.LeadsTo:
		if w != nil {
			for _, s := range n.m.ServicesOf(w) {
				out = append(out, s.Key)
			}
		}
	case rules.Calls:
		for _, c := range n.m.Calls(k) {
			out = append(out, c.To)
			if c.Service != nil {
				out = append(out, c.Service.Key)
			}
		}
		out = append(out, n.m.Dangling(k)...)
	case rules.RunsOn:
		if w != nil {
			var pods []model.Key
			for _, p := range w.Pods {
				pods = append(pods, p.Key)
			}
			out = n.nodesOf(pods)
		}
	case rules.OnNode:
		for _, p := range n.m.OnNode(k.Name) {
			out = append(out, p.Workload.Key)
		}
	case rules.Scaled:
		if t, ok := n.m.ScalerTarget(k); ok {
			out = []model.Key{t}
		}
	case rules.Scales:
		for _, o := range n.m.Objects(model.KindHPA) {
			if t, ok := n.m.ScalerTarget(o.Key); ok && t == k {
				out = append(out, o.Key)
			}
		}
	case rules.Uses:
		if w != nil {
			out = n.m.Uses(w)
		}
	}
	slices.SortFunc(out, model.Key.Compare)
	return slices.Compact(out)
}
