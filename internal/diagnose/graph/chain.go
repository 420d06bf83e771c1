package graph

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// Link is a step of the chain.
type Link struct {
	Edge     Edge
	Sentence string
}

const (
	// maxLinks is as long as a chain is told.
	maxLinks = 12
	// maxReached is among how many facts these are chosen: a storm has thousands.
	maxReached = 64
)

// Chain leads from the first cause on, nearest effects first, each effect once and
// from the nearest of its causes: where a node that fails takes its pods with it, and
// these their callers, the callers fail with the pods, though with the node, too.
func (in *Incident) Chain() []Link {
	if len(in.Candidates) == 0 {
		return nil
	}
	g := in.Graph
	first := in.Candidates[0].Fact
	by := g.nearest(first)
	children := map[int][]int{} // edges of the tree, by cause
	for _, n := range by {
		children[g.Edges[n].Cause] = append(children[g.Edges[n].Cause], n)
	}
	queue := []int{first}
	var out []Link
	for len(queue) > 0 && len(out) < maxLinks {
		at := queue[0]
		queue = queue[1:]
		edges := children[at]
		slices.SortFunc(edges, func(a, b int) int {
			return cmp.Or(g.earlier(g.Edges[a].Effect, g.Edges[b].Effect), cmp.Compare(g.Edges[a].Effect, g.Edges[b].Effect))
		})
		for _, n := range edges[:min(len(edges), maxLinks-len(out))] {
			e := g.Edges[n]
			queue = append(queue, e.Effect)
			out = append(out, Link{e, g.sentence(e)})
		}
	}
	return out
}

// nearest gives each fact that another leads to the edge by which it is told: of the
// edges that lead there, the one that is farthest from the first cause.
func (g *Graph) nearest(first int) map[int]int {
	by, depth := map[int]int{}, map[int]int{first: 0}
	queue := []int{first}
	for len(queue) > 0 && len(by) < maxReached {
		at := queue[0]
		queue = queue[1:]
		for _, n := range g.out[at] {
			e := g.Edges[n].Effect
			if _, seen := depth[e]; !seen && g.counts(e) {
				by[e], depth[e] = n, depth[at]+1
				queue = append(queue, e)
			}
		}
	}
	// above says that a fact stands over another in the tree.
	above := func(a, b int) bool {
		for b != first {
			if b == a {
				return true
			}
			b = g.Edges[by[b]].Cause
		}
		return a == first
	}
	reached := slices.Sorted(maps.Keys(by))
	for changed := true; changed; {
		changed = false
		for _, e := range reached {
			for _, n := range g.in[e] {
				c := g.Edges[n].Cause
				if d, in := depth[c]; !in || d < depth[e] || above(e, c) {
					continue
				}
				by[e], changed = n, true
				g.deepen(first, by, depth)
			}
		}
	}
	return by
}

// deepen counts anew how far the facts of a tree are from its first.
func (g *Graph) deepen(first int, by, depth map[int]int) {
	for e := range by {
		d := 0
		for at := e; at != first; at = g.Edges[by[at]].Cause {
			d++
		}
		depth[e] = d
	}
}

// earlier orders facts by when they began; those of which that is not known are last.
func (g *Graph) earlier(a, b int) int {
	s, t := g.Facts[a].Since, g.Facts[b].Since
	if s.IsZero() || t.IsZero() {
		return t.Compare(s)
	}
	return s.Compare(t)
}

func (g *Graph) sentence(e Edge) string {
	return strings.NewReplacer("{cause}", Name(g.Facts[e.Cause].Object), "{effect}", Name(g.Facts[e.Effect].Object)).Replace(e.Rule.Sentence)
}

// Name is an object as people say it.
func Name(k model.Key) string {
	if k == (model.Key{}) {
		return "the cluster"
	}
	return strings.ToLower(k.Kind) + "/" + k.Name
}

// Blast is whom an incident reached.
type Blast struct{ Namespaces, Nodes, Workloads, Services, Pods []string }

// Blast lists whom the incident reached.
func (in *Incident) Blast() Blast {
	var b Blast
	add := func(list *[]string, name string) {
		if !slices.Contains(*list, name) {
			*list = append(*list, name)
		}
	}
	for _, i := range in.Facts {
		f := &in.Graph.Facts[i]
		if in.Graph.harm(i) == 0 {
			continue
		}
		k := f.Object
		if k.Namespace != "" {
			add(&b.Namespaces, k.Namespace)
		}
		switch {
		case k.Kind == model.KindNode:
			add(&b.Nodes, k.Name)
		case k.Kind == model.KindService:
			add(&b.Services, k.Namespace+"/"+k.Name)
		case in.Graph.Model.Workload(k) != nil:
			add(&b.Workloads, k.Namespace+"/"+k.Name)
		}
		for _, p := range f.Pods {
			add(&b.Pods, p.Namespace+"/"+p.Name)
		}
	}
	for _, l := range []*[]string{&b.Namespaces, &b.Nodes, &b.Workloads, &b.Services, &b.Pods} {
		slices.Sort(*l)
	}
	return b
}
