package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump"
)

// outcome is what the diagnosis made of a scenario.
type outcome struct {
	scenario  *scenario
	verdict   v1alpha1.Cause
	incidents int
	result    diagnose.Result

	rank    int // of the first cause among the candidates, from 1; 0 if it is not there
	object  int // of its object, whatever is said of it
	chain   bool
	mutated bool // the verdict moved
	quiet   bool // the noise did not move it
	notes   []string
}

// right says that the first verdict is what is wanted.
func (o *outcome) right() bool {
	switch {
	case o.scenario.Healthy:
		return o.incidents == 0
	case o.scenario.NoCause:
		return o.incidents > 0 && o.verdict.Reason == v1alpha1.NoCauseRecorded
	}
	return o.rank == 1
}

// passes says that the scenario holds all gates.
func (o *outcome) passes() bool {
	if !o.scenario.named() {
		return o.right() && o.quiet
	}
	// Where another cause comes first, its chain is another, too.
	return o.rank > 0 && o.rank <= o.scenario.Top && (o.chain || o.rank > 1) && o.mutated && o.quiet
}

func (o *outcome) note(format string, args ...any) {
	o.notes = append(o.notes, fmt.Sprintf(format, args...))
}

// judge diagnoses a scenario as it is, without its evidence, and amid noise.
func judge(ctx context.Context, s *scenario, noise []record.Record) (*outcome, error) {
	o := &outcome{scenario: s, mutated: true}
	records, err := s.read(ctx, s.files)
	if err != nil {
		return nil, err
	}
	o.result = diagnose.Diagnose(slices.Values(records), diagnose.Options{})
	o.incidents = len(o.result.Incidents)
	if o.incidents > 0 {
		in := &o.result.Incidents[0]
		o.verdict = in.FirstCause
		o.rank = rank(in, s.FirstCause.is)
		o.object = rank(in, s.FirstCause.about)
		o.chain = leads(s.Chain, in)
		if s.named() && !o.chain {
			o.note("chain: got %s; want %s", told(in), strings.Join(s.Chain, " → "))
		}
	}
	if !o.right() {
		o.note("verdict: got %s; want %s", printed(o.result.Incidents), s.wanted())
	}
	o.quiet = o.stands(append(slices.Clone(records), noise...))
	if !s.named() {
		return o, nil
	}
	return o, o.mutate(ctx)
}

// read makes records of files, and does not let one pass that cannot be read.
func (s *scenario) read(ctx context.Context, files []txtar.File) ([]record.Record, error) {
	records, report, err := dump.ReadFS(ctx, s.fsys(files))
	if err != nil {
		return nil, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	if len(report.Damage) > 0 || len(report.Forms[dump.FormUnknown]) > 0 {
		return nil, fmt.Errorf("scenario %s cannot be read: %v %v", s.Name, report.Damage, report.Forms[dump.FormUnknown])
	}
	return records, nil
}

// mutate takes the decisive evidence away: the verdict must not stay.
func (o *outcome) mutate(ctx context.Context) error {
	files, err := o.scenario.mutated()
	if err != nil {
		return err
	}
	records, err := o.scenario.read(ctx, files)
	if err != nil {
		return err
	}
	after := diagnose.Diagnose(slices.Values(records), diagnose.Options{})
	o.mutated = len(after.Incidents) == 0 || !o.scenario.FirstCause.is(after.Incidents[0].FirstCause)
	if !o.mutated {
		o.note("mutation: without the decisive evidence it still says %s (%.2f)", name(after.Incidents[0].FirstCause), after.Incidents[0].FirstCause.Confidence)
	}
	return nil
}

// stands says that the worst incident that touches what the scenario is about
// keeps its verdict amid noise, and that noise is blamed for none.
func (o *outcome) stands(records []record.Record) bool {
	slices.SortStableFunc(records, func(a, b record.Record) int { return a.Time.Compare(b.Time) })
	after := diagnose.Diagnose(slices.Values(records), diagnose.Options{Now: o.result.Now})
	var own []v1alpha1.IncidentStatus
	for _, in := range after.Incidents {
		if touchesOther(&in) {
			own = append(own, in)
		}
	}
	for _, in := range own {
		if isNoise(in.FirstCause.Object) {
			o.note("noise: blamed on %s", name(in.FirstCause))
			return false
		}
	}
	switch {
	case o.incidents == 0 && len(own) > 0:
		o.note("noise: got %s; before none", printed(own))
		return false
	case o.incidents == 0:
		return true
	case len(own) == 0:
		o.note("noise: got nothing; before %s", name(o.verdict))
		return false
	}
	got := own[0].FirstCause
	if got.Object != o.verdict.Object || got.Reason != o.verdict.Reason {
		o.note("noise: got %s; before %s", printed(own), name(o.verdict))
		return false
	}
	return true
}

// rank is the place of what is wanted among an incident's candidates.
func rank(in *v1alpha1.IncidentStatus, is func(v1alpha1.Cause) bool) int {
	if is(in.FirstCause) {
		return 1
	}
	n := 1
	for _, c := range in.Candidates {
		if c.Object == in.FirstCause.Object && c.Reason == in.FirstCause.Reason {
			continue
		}
		n++
		if is(c) {
			return n
		}
	}
	return 0
}

// step is a fact of a chain.
type step struct {
	reason string
	object v1alpha1.ObjectRef
}

func (s step) String() string { return s.reason + " " + s.object.Kind + "/" + s.object.Name }

// is says that a step is what is wanted: REASON, or REASON KIND/NAME, where REASON
// may be several joined by "|".
func (s step) is(wanted string) bool {
	reason, object, _ := strings.Cut(wanted, " ")
	return slices.Contains(strings.Split(reason, "|"), s.reason) && (object == "" || object == s.object.Kind+"/"+s.object.Name)
}

// links are an incident's steps and where each leads.
func links(in *v1alpha1.IncidentStatus) (first step, next map[step][]step) {
	first, next = step{in.FirstCause.Reason, in.FirstCause.Object}, map[step][]step{}
	for _, l := range in.Chain {
		from := step{l.FromReason, l.From}
		next[from] = append(next[from], step{l.ToReason, l.To})
	}
	return first, next
}

// leads says that each step that is wanted leads to the next one, perhaps by others.
func leads(wanted []string, in *v1alpha1.IncidentStatus) bool {
	first, next := links(in)
	return walk(first, next, wanted)
}

func walk(at step, next map[step][]step, wanted []string) bool {
	if len(wanted) > 0 && at.is(wanted[0]) {
		wanted = wanted[1:]
	}
	return len(wanted) == 0 || slices.ContainsFunc(next[at], func(s step) bool { return walk(s, next, wanted) })
}

// told is a chain in one line.
func told(in *v1alpha1.IncidentStatus) string {
	first, next := links(in)
	out := []string{first.String()}
	for _, l := range in.Chain {
		out = append(out, l.FromReason+" → "+step{l.ToReason, l.To}.String())
	}
	if len(next) == 0 {
		return out[0]
	}
	return strings.Join(out, "; ")
}

func (s *scenario) wanted() string {
	switch {
	case s.Healthy:
		return "no incident"
	case s.NoCause:
		return v1alpha1.NoCauseRecorded
	}
	f := s.FirstCause
	return name(v1alpha1.Cause{Reason: f.Reason, Object: v1alpha1.ObjectRef{Kind: f.Kind, Namespace: f.Namespace, Name: f.Name}})
}

func name(c v1alpha1.Cause) string {
	o := c.Object
	parts := slices.DeleteFunc([]string{o.Kind, o.Namespace, o.Name}, func(s string) bool { return s == "" })
	return strings.TrimSpace(c.Reason + " " + strings.Join(parts, "/"))
}

func printed(incidents []v1alpha1.IncidentStatus) string {
	if len(incidents) == 0 {
		return "no incident"
	}
	var out []string
	for _, in := range incidents[:min(len(incidents), 3)] {
		s := fmt.Sprintf("%s (%.2f)", name(in.FirstCause), in.FirstCause.Confidence)
		for _, c := range in.Candidates[:min(len(in.Candidates), 3)] {
			s += " [" + name(c) + "]"
		}
		out = append(out, s)
	}
	return strings.Join(out, "; then ")
}
