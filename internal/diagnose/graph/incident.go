package graph

import (
	"cmp"
	"slices"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/facts"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// Incident is facts that hang together, and the candidates for the first cause.
type Incident struct {
	Graph *Graph
	// Facts are the places of all that belong to it.
	Facts []int
	// Candidates come likeliest first; none if nothing explains the symptoms.
	Candidates []Candidate
	// RuledOut look like causes and are not.
	RuledOut []Refusal
	// Severity orders incidents.
	Severity float64
	harm     float64
}

// Candidate is a fact that may be the first cause.
type Candidate struct {
	Fact       int
	Score      float64
	Confidence float64
	Evidence   []facts.Evidence
	reach      map[int]bool
	harm       float64
}

// Refusal is a fact that is not the cause, and why.
type Refusal struct {
	Fact int
	Why  string
}

// Incidents reads the incidents from the graph, worst first.
func (g *Graph) Incidents() []*Incident {
	var out []*Incident
	for _, part := range g.components() {
		if in := g.incident(part); in != nil {
			out = append(out, in)
		}
	}
	slices.SortStableFunc(out, func(a, b *Incident) int { return cmp.Compare(b.Severity, a.Severity) })
	g.refuse(out)
	return out
}

// components are the facts that edges join, without direction. Facts that ended
// take no part.
func (g *Graph) components() [][]int {
	part := make([]int, len(g.Facts))
	for i := range part {
		part[i] = i
	}
	root := func(i int) int {
		for part[i] != i {
			part[i] = part[part[i]]
			i = part[i]
		}
		return i
	}
	for _, e := range g.Edges {
		if g.counts(e.Cause) && g.counts(e.Effect) {
			part[root(e.Cause)] = root(e.Effect)
		}
	}
	groups := map[int][]int{}
	var order []int
	for i := range g.Facts {
		if !g.counts(i) {
			continue
		}
		r := root(i)
		if groups[r] == nil {
			order = append(order, r)
		}
		groups[r] = append(groups[r], i)
	}
	out := make([][]int, 0, len(order))
	for _, r := range order {
		out = append(out, groups[r])
	}
	return out
}

func (g *Graph) harm(i int) float64 {
	if g.Facts[i].Quiet {
		return 0
	}
	return facts.Kinds[g.Facts[i].ID].Harm
}

func (g *Graph) incident(part []int) *Incident {
	in := &Incident{Graph: g, Facts: part}
	for _, i := range part {
		in.harm += g.harm(i)
	}
	if in.harm == 0 {
		return nil
	}
	for _, i := range part {
		if k := facts.Kinds[g.Facts[i].ID]; k.Cause >= LeastCause && !g.explained(i) {
			in.Candidates = append(in.Candidates, g.candidate(i, part, in.harm))
		}
	}
	g.prefer(in)
	slices.SortStableFunc(in.Candidates, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(g.Facts[b.Fact].Size, g.Facts[a.Fact].Size))
	})
	g.confide(in)
	best := 0.15
	if len(in.Candidates) > 0 {
		best = max(best, in.Candidates[0].Score)
	}
	in.Severity = in.harm * best
	if !in.Closed().IsZero() {
		in.Severity /= 100 // what is over comes last
	}
	return in
}

// LeastCause is how likely a cause a kind of fact must be for such a fact to
// explain others by itself: that pods are not ready is what is to be explained.
const LeastCause = 0.1

// explained says that another fact, which this one does not lead to, explains it,
// be it by way of symptoms.
func (g *Graph) explained(i int) bool {
	if len(g.in[i]) == 0 {
		return false
	}
	var reach map[int]bool
	seen := map[int]bool{i: true}
	todo := []int{i}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, n := range g.in[at] {
			c := g.Edges[n].Cause
			if seen[c] || !g.counts(c) {
				continue
			}
			seen[c] = true
			todo = append(todo, c)
			if facts.Kinds[g.Facts[c].ID].Cause < LeastCause {
				continue
			}
			if reach == nil {
				reach = g.reach(i)
			}
			if !reach[c] || stronger(&g.Facts[c], &g.Facts[i]) {
				return true
			}
		}
	}
	return false
}

// stronger says, of two facts that explain each other, which is rather the cause.
func stronger(a, b *facts.Fact) bool {
	return facts.Kinds[a.ID].Cause > facts.Kinds[b.ID].Cause+0.2
}

// reach are the facts that one leads to, itself among them.
func (g *Graph) reach(i int) map[int]bool {
	seen := map[int]bool{i: true}
	todo := []int{i}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, n := range g.out[at] {
			if e := g.Edges[n].Effect; !seen[e] && g.counts(e) {
				seen[e] = true
				todo = append(todo, e)
			}
		}
	}
	return seen
}

func (g *Graph) candidate(i int, part []int, total float64) Candidate {
	f := &g.Facts[i]
	c := Candidate{Fact: i, reach: g.reach(i)}
	for _, e := range part { // in their order: sums of fractions depend on it
		if c.reach[e] {
			c.harm += g.harm(e)
		}
	}
	share := c.harm / total
	c.Score = facts.Kinds[f.ID].Cause * f.Strength * (0.3 + 0.7*share)
	return c
}

// Since is when the incident's first symptom was seen.
func (in *Incident) Since() time.Time {
	var t time.Time
	for _, i := range in.Facts {
		if f := &in.Graph.Facts[i]; in.Graph.harm(i) > 0 && !f.Since.IsZero() && (t.IsZero() || f.Since.Before(t)) {
			t = f.Since
		}
	}
	return t
}

// Closed is when the last of its symptoms ended; zero while one lasts.
func (in *Incident) Closed() time.Time {
	var t time.Time
	for _, i := range in.Facts {
		f := &in.Graph.Facts[i]
		if in.Graph.harm(i) == 0 {
			continue
		}
		if f.Still {
			return time.Time{}
		}
		if f.Until.After(t) {
			t = f.Until
		}
	}
	return t
}

// Touches says whether the incident has anything to do with an object.
func (in *Incident) Touches(keys map[model.Key]bool) bool {
	for _, i := range in.Facts {
		f := &in.Graph.Facts[i]
		has := func(k model.Key) bool { return keys[k] }
		if keys[f.Object] || slices.ContainsFunc(f.Pods, has) || in.Graph.harm(i) > 0 && slices.ContainsFunc(f.About, has) {
			return true
		}
	}
	return false
}

// prefer lowers, of candidates of one kind, those that are less marked: of two
// that are slow, the one that is less so is rather the one that waits.
func (g *Graph) prefer(in *Incident) {
	most := map[string]float64{}
	for _, c := range in.Candidates {
		f := &g.Facts[c.Fact]
		most[f.ID] = max(most[f.ID], f.Size)
	}
	for n := range in.Candidates {
		f := &g.Facts[in.Candidates[n].Fact]
		if m := most[f.ID]; m > 0 && f.Size < m {
			in.Candidates[n].Score *= 0.5 + 0.5*max(0, f.Size)/m
		}
	}
}

// LastClosed is the last failure that is over, of those that harmed by themselves;
// -1 if none is recorded.
func (g *Graph) LastClosed() int {
	last := -1
	for i := range g.Facts {
		f := &g.Facts[i]
		if f.Still || f.Until.IsZero() || g.harm(i) == 0 || facts.Kinds[f.ID].Cause < 0.5 {
			continue
		}
		if last < 0 || f.Until.After(g.Facts[last].Until) {
			last = i
		}
	}
	return last
}
