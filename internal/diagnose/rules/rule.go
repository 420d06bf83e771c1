package rules

import (
	"slices"
	"strings"
	"time"
)

// Relation is how the cause's object and the effect's belong together.
type Relation string

// The relations, read from the cause to the effect.
const (
	Same      Relation = "same"       // the same object
	Target    Relation = "breaks"     // the same object, and both facts name one target, or the effect none
	Selects   Relation = "behind"     // cause: a workload; effect: a Service that leads to it
	LeadsTo   Relation = "routes-to"  // cause: a Service; effect: a workload behind it
	Calls     Relation = "called-by"  // cause: a workload or Service; effect: a workload that calls it
	RunsOn    Relation = "hosts"      // cause: a node; effect: a workload with pods there
	OnNode    Relation = "runs-on"    // cause: a workload; effect: a node that has its pods
	Neighbour Relation = "shares"     // cause: a workload; effect: another on the same node
	Uses      Relation = "used-by"    // cause: a claim, ConfigMap or Secret; effect: a workload that uses it
	Scales    Relation = "scales"     // cause: an autoscaler; effect: its target
	Scaled    Relation = "scaled-by"  // cause: a workload; effect: its autoscaler
	Names     Relation = "concerns"   // one of the two facts names the other's object
	Namespace Relation = "governs"    // both are in one namespace
	Cluster   Relation = "serves-all" // the cause is a part that all depend on
)

// Row is a row of the table. Cause and Effect are lists of facts: what is true of
// each of them stands once.
type Row struct {
	Cause, Effect string
	Relation      Relation
	// Within is how long after the cause the effect may begin; 0 is without limit.
	Within time.Duration
	// Says is what the effect must say for the cause to explain it: one of these,
	// parted by "|".
	Says string
	// Sentence is what to say of it; {cause} and {effect} stand for the objects.
	Sentence string
	// Why it is true, and Source where to read it.
	Why, Source string
}

// Rule is a row for one cause and one effect.
type Rule struct {
	Cause, Effect string
	*Row
}

// timeouts is what a probe says that got no answer in time.
const timeouts = "deadline exceeded|timed out|timeout"

const docs = "https://kubernetes.io/docs/"

// Rows is the whole table.
func Rows() []Row {
	return slices.Concat(admission, placement, starting, running, storage, serving, nodes, system, performance, feedback)
}

// Table is the rows, each cause with each effect.
func Table() []Rule {
	var all []Rule
	rows := Rows()
	for i := range rows {
		for _, cause := range strings.Fields(rows[i].Cause) {
			for _, effect := range strings.Fields(rows[i].Effect) {
				all = append(all, Rule{cause, effect, &rows[i]})
			}
		}
	}
	return all
}
