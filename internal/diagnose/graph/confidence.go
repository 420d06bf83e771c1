package graph

import (
	"fmt"
	"math"
	"slices"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/facts"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// maxCandidates is as many as are told.
const maxCandidates = 5

// confide gives each candidate its confidence, made of named evidence: weights
// add up as logarithms of odds. They were set so that the verdicts of a
// confidence are right about as often as it says (bench/diagnose prints the
// table).
func (g *Graph) confide(in *Incident) {
	if len(in.Candidates) > maxCandidates {
		in.Candidates = in.Candidates[:maxCandidates]
	}
	for n := range in.Candidates {
		c := &in.Candidates[n]
		f := &g.Facts[c.Fact]
		c.Evidence = slices.Clone(f.Evidence)
		total := 0.0
		add := func(kind, message string, w float64) {
			total += w
			c.Evidence = append(c.Evidence, facts.Evidence{Kind: kind, Message: message, Weight: round(w)})
		}
		k := facts.Kinds[f.ID]
		add("state", "as observed, this can be a first cause", logit(k.Cause*f.Strength))
		share := c.harm / in.harm
		add("reach", fmt.Sprintf("it explains %.0f %% of the symptoms", 100*share), 2.2*(share-0.6))
		if g.ordered(c) {
			add("time", "it began before what it explains", 0.4)
		}
		if rival := g.rival(in, n); n == 0 && rival != nil {
			other := rival.Score / c.Score
			add("rivals", fmt.Sprintf("the next candidate, %s of %s, scores %.0f %% of it", g.Facts[rival.Fact].ID, g.Facts[rival.Fact].Object.Ref().Words(), 100*other), -2*math.Max(0, other-0.4))
		} else if n > 0 {
			add("rivals", "another candidate is likelier", -1-2*(1-c.Score/in.Candidates[0].Score))
		}
		c.Confidence = math.Round(100*clamp(1/(1+math.Exp(-total)))) / 100
	}
}

// rival is the next candidate of another object.
func (g *Graph) rival(in *Incident, n int) *Candidate {
	for i := n + 1; i < len(in.Candidates); i++ {
		if g.Facts[in.Candidates[i].Fact].Object != g.Facts[in.Candidates[n].Fact].Object {
			return &in.Candidates[i]
		}
	}
	return nil
}

func (g *Graph) ordered(c *Candidate) bool {
	return slices.ContainsFunc(g.out[c.Fact], func(n int) bool { return g.Edges[n].Ordered })
}

func clamp(p float64) float64 { return min(0.98, max(0.02, p)) }

func logit(p float64) float64 {
	p = min(0.97, max(0.03, p))
	return math.Log(p / (1 - p))
}

func round(v float64) float64 { return math.Round(100*v) / 100 }

// refuse finds what looks like a cause and is not: facts that ended before, and
// facts that another explains.
func (g *Graph) refuse(all []*Incident) {
	for _, in := range all {
		if len(in.Candidates) == 0 {
			continue
		}
		first := in.Candidates[0]
		for _, i := range in.Facts {
			if i == first.Fact || len(in.RuledOut) >= 8 || facts.Kinds[g.Facts[i].ID].Cause < 0.15 {
				continue
			}
			if first.reach[i] {
				in.RuledOut = append(in.RuledOut, Refusal{i, "it is a consequence"})
			}
		}
		in.RuledOut = append(in.RuledOut, g.over(in)...)
	}
}

// maxOver is as many facts that are over as are told of one incident.
const maxOver = 6

// over are the facts that look like causes and ended before, those of the
// incident's own objects first.
func (g *Graph) over(in *Incident) []Refusal {
	own := map[model.Key]bool{}
	for _, i := range in.Facts {
		own[g.Facts[i].Object] = true
	}
	var near, far []Refusal
	for i := range g.Facts {
		f := &g.Facts[i]
		if g.counts(i) || facts.Kinds[f.ID].Cause < 0.5 {
			continue
		}
		why := f.Gone
		if why == "" {
			why = "it ended"
		}
		r := Refusal{i, "it is over: " + why}
		if own[f.Object] {
			near = append(near, r)
		} else {
			far = append(far, r)
		}
	}
	all := append(near, far...)
	return all[:min(len(all), maxOver)]
}
