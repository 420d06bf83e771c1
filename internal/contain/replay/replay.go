// Package replay shows what the containment would have done with a policy, from the
// records of what happened. What it would have prevented happens all the same in
// the records: it tells when it would have acted and why, not how it would have
// ended.
package replay

import (
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/contain"
	"github.com/bulkhead-k8s/bulkhead/internal/contain/sight"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Diagnosis turns records into incidents.
type Diagnosis interface {
	// Add takes a record, and says whether it may change the verdict.
	Add(record.Record) bool
	// Verdict gives what is known at a time, and the incidents that are open then or
	// were closed last.
	Verdict(time.Time) (*model.Model, []v1alpha1.Incident)
}

// Step is one that would have been taken, and when.
type Step struct {
	Time time.Time `json:"time"`
	contain.Step
}

const (
	// often is how much time passes at least between two looks, and seldom at most
	// while something fails or holds.
	often, seldom = time.Second, 30 * time.Second
)

// Player plays records in the order of their times.
type Player struct {
	diagnosis Diagnosis
	policies  []v1alpha1.ContainmentPolicy

	memory contain.Memory
	brakes []v1alpha1.Brake
	steps  []Step
	// now is the time of the last record, looked that of the last look; pending says
	// that records came since that may matter, and busy that time alone may change
	// something.
	now, looked   time.Time
	pending, busy bool
	// First and Last are the times of the first and the last record.
	First, Last time.Time
}

// New makes a player.
func New(d Diagnosis, policies []v1alpha1.ContainmentPolicy) (*Player, error) {
	for i := range policies {
		if err := contain.Check(&policies[i]); err != nil {
			return nil, err
		}
	}
	return &Player{diagnosis: d, policies: policies}, nil
}

// Add plays a record.
func (p *Player) Add(r record.Record) error {
	if r.Time.IsZero() {
		return fmt.Errorf("a record of %s has no time", r.Object)
	}
	if p.First.IsZero() {
		p.First, p.looked = r.Time, r.Time
	}
	if r.Time.After(p.now) {
		p.pass(r.Time)
	}
	p.pending = p.diagnosis.Add(r) || p.pending
	return nil
}

// pass looks as often as it takes until a time.
func (p *Player) pass(until time.Time) {
	if p.pending && until.Sub(p.looked) >= often {
		p.look(later(p.now, p.looked.Add(often)))
	}
	for p.busy && until.Sub(p.looked) > seldom {
		p.look(p.looked.Add(seldom))
	}
	p.now, p.Last = until, until
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Steps ends the play and gives all that would have been done.
func (p *Player) Steps() []Step {
	if p.pending {
		p.look(later(p.now, p.looked))
	}
	return p.steps
}

func (p *Player) look(now time.Time) {
	m, incidents := p.diagnosis.Verdict(now)
	var steps []contain.Step
	p.memory, steps = contain.Decide(p.memory, contain.Input{View: sight.Of(m, now), Incidents: incidents, Brakes: p.brakes, Policies: p.policies})
	for _, s := range steps {
		p.brakes = slices.DeleteFunc(p.brakes, func(b v1alpha1.Brake) bool { return b.Name == s.Brake.Name })
		if s.Verb != contain.Forget {
			p.brakes = append(p.brakes, s.Brake)
			p.steps = append(p.steps, Step{now, s})
		}
	}
	p.looked, p.pending = now, false
	p.busy = slices.ContainsFunc(p.brakes, func(b v1alpha1.Brake) bool { return b.Active(now) }) ||
		slices.ContainsFunc(incidents, func(in v1alpha1.Incident) bool { return in.Status.Closed == nil })
}
