package graph

import (
	"slices"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// Link is a step of the chain.
type Link struct {
	Edge     Edge
	Sentence string
}

// maxLinks is as long as a chain is told.
const maxLinks = 12

// Chain leads from the first cause on, nearest effects first, each effect once.
func (in *Incident) Chain() []Link {
	if len(in.Candidates) == 0 {
		return nil
	}
	g := in.Graph
	seen := map[int]bool{in.Candidates[0].Fact: true}
	queue := []int{in.Candidates[0].Fact}
	var out []Link
	for len(queue) > 0 && len(out) < maxLinks {
		at := queue[0]
		queue = queue[1:]
		edges := slices.Clone(g.out[at])
		slices.SortStableFunc(edges, func(a, b int) int {
			return g.earlier(g.Edges[a].Effect, g.Edges[b].Effect)
		})
		for _, n := range edges {
			e := g.Edges[n]
			if seen[e.Effect] || !g.counts(e.Effect) || len(out) >= maxLinks {
				continue
			}
			seen[e.Effect] = true
			queue = append(queue, e.Effect)
			out = append(out, Link{e, g.sentence(e)})
		}
	}
	return out
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
