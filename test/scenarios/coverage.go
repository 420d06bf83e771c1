package main

import (
	"maps"
	"slices"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/facts"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/rules"
)

// coverage is which parts of the diagnosis the catalogue uses.
type coverage struct {
	rows, usedRows     int
	unusedRows         []string
	causes, usedCauses int
	unusedCauses       []string
}

// leastCause is how likely a first cause a fact must be to count as one here: what
// is below is mostly a symptom.
const leastCause = 0.5

// cover counts the rows of the rules' table that joined two facts in a scenario,
// and the first causes that were found in one.
func cover(outcomes []*outcome) coverage {
	var c coverage
	type row struct{ cause, sentence string }
	rows, found := map[row]bool{}, map[string]bool{}
	for _, o := range outcomes {
		for _, e := range o.result.Graph.Edges {
			rows[row{e.Rule.Row.Cause, e.Rule.Sentence}] = true
		}
		for _, f := range o.result.Graph.Facts {
			found[f.ID] = true
		}
	}
	for _, r := range rules.Rows() {
		c.rows++
		if rows[row{r.Cause, r.Sentence}] {
			c.usedRows++
			continue
		}
		c.unusedRows = append(c.unusedRows, r.Cause+" → "+r.Effect)
	}
	for _, id := range slices.Sorted(maps.Keys(facts.Kinds)) {
		if facts.Kinds[id].Cause < leastCause {
			continue
		}
		c.causes++
		if found[id] {
			c.usedCauses++
			continue
		}
		c.unusedCauses = append(c.unusedCauses, id)
	}
	return c
}
