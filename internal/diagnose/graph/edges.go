package graph

import (
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/facts"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/rules"
)

// slack is by how much the clocks and the sources of two facts may differ.
const slack = 2 * time.Minute

// Edge is that one fact explains another.
type Edge struct {
	Cause, Effect int // places in Graph.Facts
	Rule          rules.Rule
	// Ordered says that both times are known and in the right order.
	Ordered bool
}

// Graph is the facts and what explains what.
type Graph struct {
	Model *model.Model
	Facts []facts.Fact
	Edges []Edge
	since time.Time
	out   [][]int // by cause: places in Edges
	in    [][]int // by effect
}

// Build joins the facts by the rules. Facts that ended before since are over; if it
// is zero, all that ended are.
func Build(m *model.Model, found []facts.Fact, since time.Time) *Graph {
	g := &Graph{Model: m, Facts: found, since: since, out: make([][]int, len(found)), in: make([][]int, len(found))}
	byID := map[string][]int{}
	byObject := map[string]map[model.Key][]int{}
	for i, f := range found {
		byID[f.ID] = append(byID[f.ID], i)
		if byObject[f.ID] == nil {
			byObject[f.ID] = map[model.Key][]int{}
		}
		byObject[f.ID][f.Object] = append(byObject[f.ID][f.Object], i)
	}
	near := newNeighbours(m)
	seen := map[[2]int]bool{}
	for _, r := range rules.Table() {
		causes := byID[r.Cause]
		if len(causes) == 0 {
			continue
		}
		for _, e := range byID[r.Effect] {
			for _, c := range near.related(found, r.Relation, e, causes, byObject[r.Cause]) {
				pair := [2]int{c, e}
				if c == e || seen[pair] {
					continue
				}
				if ordered, ok := g.plausible(c, e, r); ok {
					seen[pair] = true
					g.add(Edge{c, e, r, ordered})
				}
			}
		}
	}
	return g
}

func (g *Graph) add(e Edge) {
	n := len(g.Edges)
	g.Edges = append(g.Edges, e)
	g.out[e.Cause] = append(g.out[e.Cause], n)
	g.in[e.Effect] = append(g.in[e.Effect], n)
}

// plausible says whether the times allow that one fact causes the other: the cause
// still holds, or held when the effect began, and did not begin long after it.
func (g *Graph) plausible(c, e int, r rules.Rule) (ordered, ok bool) {
	cause, effect := &g.Facts[c], &g.Facts[e]
	if r.Says != "" && !slices.ContainsFunc(strings.Split(r.Says, "|"), func(s string) bool { return strings.Contains(effect.Message, s) }) {
		return false, false
	}
	if !cause.Still {
		if effect.Still || !g.counts(c) {
			return false, false
		}
		if !cause.Until.IsZero() && !effect.Since.IsZero() && cause.Until.Add(slack).Before(effect.Since) {
			return false, false
		}
	}
	if cause.Since.IsZero() || effect.Since.IsZero() {
		return false, true
	}
	late := cause.Since.Sub(effect.Since)
	if r.Within > 0 && -late > r.Within {
		return false, false
	}
	if late > slack && firm(cause) {
		return false, false
	}
	return late <= 0, true
}

// counts says whether a fact takes part: it holds, or held in the time asked for.
func (g *Graph) counts(i int) bool {
	f := &g.Facts[i]
	return f.Still || !g.since.IsZero() && f.Until.After(g.since)
}

// firm says that a fact's beginning was recorded, rather than when it was seen.
func firm(f *facts.Fact) bool {
	return f.ID == "WorkloadChanged" || f.ID == "ConfigChanged" || f.ID == "NodeRebooted" || f.ID == "Retries"
}
