package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

// recorded is the column of the diagnosis with all that was recorded, not only
// with what an API server holds at the end.
const recorded = "bulkhead, all records"

// worst is how many objects a program may put into its worst class and still be
// said to point at one of them.
const worst = 3

// diagnosed is the verdict on records.
func diagnosed(records []record.Record) report {
	return ofIncidents(diagnose.Diagnose(slices.Values(records), diagnose.Options{}).Incidents)
}

// kindOf is the kind of a plural.
func kindOf(plural string) string {
	if k, ok := resource.NewNames().Find(plural); ok {
		return k.Kind
	}
	return plural
}

// workloads are kinds of which one makes the other: who names one points at the other.
var workloads = []string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "CronJob", "Job", "Pod"}

// hits says that an object that was named is the one that is wanted, or of the
// same workload: a Deployment and its pods.
func (o object) hits(want object) bool {
	if o == want {
		return true
	}
	return o.Namespace == want.Namespace && slices.Contains(workloads, o.Kind) && slices.Contains(workloads, want.Kind) &&
		(o.Name == want.Name || strings.HasPrefix(o.Name, want.Name+"-") || strings.HasPrefix(want.Name, o.Name+"-"))
}

// row is one program's score in one class of scenarios.
type row struct {
	scenarios, named, pointed, silent int
	objects                           []int // how many it named, by scenario
}

type table struct {
	columns  []string
	rows     map[class]map[string]*row
	failures []string
}

func newTable(tools []string) *table {
	return &table{columns: append(slices.Clone(tools), recorded), rows: map[class]map[string]*row{}}
}

func (t *table) add(s *scenario, tool string, got report) {
	c := s.class()
	if t.rows[c] == nil {
		t.rows[c] = map[string]*row{}
	}
	r := t.rows[c][tool]
	if r == nil {
		r = &row{}
		t.rows[c][tool] = r
	}
	r.scenarios++
	r.objects = append(r.objects, len(got))
	if len(got) == 0 {
		r.silent++
	}
	want := object(s.FirstCause)
	first := len(got) // more than any rank
	for _, rank := range got {
		first = min(first, rank)
	}
	top, hit, topHit := 0, false, false
	for o, rank := range got {
		if rank == first {
			top++
		}
		if o.hits(want) {
			hit, topHit = true, topHit || rank == first
		}
	}
	if hit {
		r.named++
	}
	if topHit && top <= worst {
		r.pointed++
	}
}

func (r *row) median() int {
	slices.Sort(r.objects)
	return r.objects[len(r.objects)/2]
}

func (t *table) print(w io.Writer) {
	for _, c := range []class{inAPI, beyondAPI, healthy, noCause} {
		if len(t.rows[c]) == 0 {
			continue
		}
		fmt.Fprintf(w, "%s\n  %-24s %9s %7s %10s %8s %9s %8s\n", c, "", "scenarios", "names", "points at", "median", "most", "silent")
		for _, name := range t.columns {
			r := t.rows[c][name]
			named, pointed := fmt.Sprint(r.named), fmt.Sprint(r.pointed)
			if c == healthy || c == noCause {
				named, pointed = "-", "-"
			}
			fmt.Fprintf(w, "  %-24s %9d %7s %10s %8d %9d %8d\n", name, r.scenarios, named, pointed, r.median(), slices.Max(r.objects), r.silent)
		}
	}
	for _, f := range t.failures {
		fmt.Fprintln(w, "no report:", f)
	}
}

func printed(r report) string {
	var out []string
	for _, o := range slices.SortedFunc(maps.Keys(r), func(a, b object) int { return strings.Compare(a.String(), b.String()) }) {
		out = append(out, fmt.Sprintf("%s(%d)", o, r[o]))
	}
	return strings.Join(out, " ")
}
