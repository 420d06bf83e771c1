package contain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/facts"
)

// Requester is who the containment's brakes are requested by.
const Requester = "containment"

const (
	// probeTime is how long the probe pod of a held restart must go on.
	probeTime = 2 * time.Minute
	// compartmentTime is how long a declared compartment is valid until it is
	// prolonged.
	compartmentTime = 24 * time.Hour
	// keep is how long a brake is shown after its end; its records stay longer.
	keep = time.Hour
	// lull is how long nothing must call for a brake until it cools down: a container
	// that crashes again and again runs in between.
	lull = time.Minute
	// remember is how long it is known where a workload was that fails no more.
	remember = 2 * time.Hour
)

// Verb says what became of a brake.
type Verb string

// The verbs.
const (
	Hold    Verb = "hold"
	Prolong Verb = "prolong"
	Change  Verb = "change" // of its mode or its nodes
	End     Verb = "end"
	Forget  Verb = "forget"
	// Move is not of the brake but of a neighbour in its compartment, who suffers.
	Move Verb = "move"
)

// Step is one change of a brake.
type Step struct {
	Verb  Verb           `json:"verb"`
	Brake v1alpha1.Brake `json:"brake"`
	// Pod is who is moved off, for Move.
	Pod *v1alpha1.ObjectRef `json:"pod,omitempty"`
	// Reason and Message say why.
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Input is what Decide goes by.
type Input struct {
	View      *View
	Incidents []v1alpha1.Incident
	// Brakes are all that exist; those of persons are left alone.
	Brakes   []v1alpha1.Brake
	Policies []v1alpha1.ContainmentPolicy
}

// Decide says which brakes are to hold. It changes nothing that it is given, and
// returns what is to be remembered until it is asked again.
func Decide(m Memory, in Input) (Memory, []Step) {
	d := &decision{memory: m.forget(in.View.Now, remember), view: in.View, now: in.View.Now, policies: order(in.Policies),
		named: map[string]*v1alpha1.Brake{}, on: map[held][]*v1alpha1.Brake{}, wanted: map[string]bool{}, open: map[v1alpha1.ObjectRef]*v1alpha1.Incident{}}
	for i := range in.Brakes {
		if b := &in.Brakes[i]; b.Spec.RequestedBy == Requester {
			d.add(b.DeepCopy())
		}
	}
	incidents := slices.Clone(in.Incidents)
	slices.SortStableFunc(incidents, func(a, b v1alpha1.Incident) int {
		return cmp.Or(cmp.Compare(b.Status.Severity, a.Status.Severity), strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name))
	})
	for i := range incidents {
		if incidents[i].Status.Closed == nil {
			d.open[refOf(&incidents[i])] = &incidents[i]
		}
	}
	for i := range incidents {
		if incidents[i].Status.Closed == nil {
			d.answer(&incidents[i])
		}
	}
	for _, w := range compartments(d.view, d.policies) {
		d.want(w)
	}
	for _, b := range d.brakes {
		d.finish(b)
		d.move(b)
	}
	return d.memory, d.steps
}

func refOf(in *v1alpha1.Incident) v1alpha1.ObjectRef {
	return v1alpha1.ObjectRef{Kind: "Incident", Namespace: in.Namespace, Name: in.Name}
}

// decision is one under way.
type decision struct {
	memory   Memory
	view     *View
	now      time.Time
	policies []*policy
	brakes   []*v1alpha1.Brake
	named    map[string]*v1alpha1.Brake
	on       map[held][]*v1alpha1.Brake
	open     map[v1alpha1.ObjectRef]*v1alpha1.Incident
	effects  effects
	wanted   map[string]bool // names of brakes
	steps    []Step
}

// held is an action on a target.
type held struct {
	action v1alpha1.Action
	target v1alpha1.ObjectRef
}

func (d *decision) add(b *v1alpha1.Brake) {
	d.brakes = append(d.brakes, b)
	d.named[b.Name] = b
	h := held{b.Spec.Action, b.Spec.Target}
	d.on[h] = append(d.on[h], b)
}

// answer finds the brakes that an incident calls for.
func (d *decision) answer(in *v1alpha1.Incident) {
	c := in.Status.FirstCause
	whose := facts.WhoseFault(c.Reason)
	w := d.culprit(in)
	if whose == facts.Elsewhere || w == nil {
		return
	}
	p := of(d.policies, w)
	if confidence(&in.Status) < p.confidence {
		return
	}
	if d.effects == nil {
		d.effects = readEffects()
	}
	s := &subject{view: d.view, incident: in, policy: p, effects: d.effects, w: w, cause: c, whose: whose}
	d.memory, s.trail = d.memory.follow(w, d.now, p.window)
	s.assess()
	if !s.enough() {
		return
	}
	for _, want := range s.wants(func(a v1alpha1.Action) *v1alpha1.Brake { return d.active(a, w.Ref) }) {
		d.want(want)
	}
}

// culprit is the workload that an incident's first cause is about: the object
// itself, the owner of the pod, or who uses the configuration that was changed.
func (d *decision) culprit(in *v1alpha1.Incident) *Workload {
	o := in.Status.FirstCause.Object
	if w := d.workload(o); w != nil {
		return w
	}
	for _, l := range in.Status.Chain {
		if l.From == o {
			if w := d.workload(l.To); w != nil {
				return w
			}
		}
	}
	return nil
}

func (d *decision) workload(o v1alpha1.ObjectRef) *Workload {
	if w := d.view.Workloads[o]; w != nil || o.Kind != "Pod" {
		return w
	}
	for _, w := range d.view.Workloads {
		if w.Ref.Namespace != o.Namespace {
			continue
		}
		for _, p := range w.Pods {
			if p.Name == o.Name {
				return w
			}
		}
	}
	return nil
}

// confidence is how sure it is that the first cause's object is at fault, whatever
// exactly is wrong with it.
func confidence(s *v1alpha1.IncidentStatus) float64 {
	sum := 0.0
	for _, c := range s.Candidates {
		if c.Object == s.FirstCause.Object {
			sum += c.Confidence
		}
	}
	return max(sum, s.FirstCause.Confidence)
}

// active is the brake that is on for an action and a target, or nil.
func (d *decision) active(a v1alpha1.Action, target v1alpha1.ObjectRef) *v1alpha1.Brake {
	for _, b := range d.on[held{a, target}] {
		if b.Active(d.now) {
			return b
		}
	}
	return nil
}

// want makes a brake, or keeps the one that is there as it should be.
func (d *decision) want(w want) {
	n := brakeName(&w)
	if d.wanted[n] {
		return
	}
	if b := d.named[n]; b != nil {
		d.wants(n)
		if b.Active(d.now) { // else it was ended or released, and stays so while its incident lasts
			d.hold(b, &w)
		}
		return
	}
	if b := d.active(w.action, w.target); b != nil {
		if b.Spec.Incident == nil || d.open[*b.Spec.Incident] != nil || d.wanted[b.Name] {
			return // another incident holds it, or a declared compartment does
		}
		d.wants(b.Name) // its own incident is over, or part of this one
		d.hold(b, &w)
		return
	}
	d.wants(n)
	b := d.fresh(n, &w)
	mode, limit := d.limit(&w, nil)
	b.Spec.Mode = mode
	b.Spec.Message += limit
	d.add(b)
	d.step(Hold, b, w.reason, b.Spec.Message)
}

// wants notes that a brake is called for.
func (d *decision) wants(name string) {
	d.wanted[name] = true
	d.memory.called[name] = d.now
}

// fresh is a new brake.
func (d *decision) fresh(n string, w *want) *v1alpha1.Brake {
	b := &v1alpha1.Brake{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Brake"}}
	b.Name = n
	b.Spec = v1alpha1.BrakeSpec{
		Action: w.action, Target: w.target, Reason: w.reason, Message: w.message, RequestedBy: Requester, Policy: w.policy.name,
		Until: *stamp(d.now.Add(w.duration())), Nodes: w.nodes, DiskBytes: w.diskBytes, CoreBytes: w.coreBytes, Rollback: w.rollback,
	}
	b.Status.Since = stamp(d.now)
	if s := w.subject; s != nil {
		ref := refOf(s.incident)
		b.Spec.Incident = &ref
		b.Status.Evidence = s.evidence()
		b.Status.Before = s.measure()
	}
	condition(b, metav1.ConditionTrue, w.reason, w.message, d.now)
	return b
}

func (w *want) duration() time.Duration {
	if w.subject == nil {
		return compartmentTime
	}
	return w.policy.rules[w.action].duration
}

// hold keeps a brake that is still wanted.
func (d *decision) hold(b *v1alpha1.Brake, w *want) {
	if w.subject != nil && d.judged(b, w) {
		return
	}
	mode, limit := d.limit(w, b)
	changed := mode != b.Spec.Mode || w.action == v1alpha1.ActionSpread && w.subject == nil && !slices.Equal(w.nodes, b.Spec.Nodes)
	prolong := b.Spec.Until.Sub(d.now) < w.duration()/2
	until := d.now.Add(w.duration())
	if end := b.Status.Since.Add(w.policy.total); w.subject != nil && until.After(end) {
		until = end
	}
	prolong = prolong && until.Sub(b.Spec.Until.Time) >= time.Second
	if !changed && !prolong {
		return
	}
	b.Spec.Until = *stamp(until)
	b.Spec.Message = w.message + limit
	if s := w.subject; s != nil {
		b.Status.Evidence = s.evidence()
		ref := refOf(s.incident)
		b.Spec.Incident = &ref
	}
	if !changed {
		d.step(Prolong, b, w.reason, b.Spec.Message)
		return
	}
	b.Spec.Mode = mode
	if w.subject == nil {
		b.Spec.Nodes = w.nodes
	} else {
		b.Status.Since, b.Status.Before = stamp(d.now), w.subject.measure()
	}
	condition(b, metav1.ConditionTrue, w.reason, b.Spec.Message, d.now)
	d.step(Change, b, w.reason, b.Spec.Message)
}

// judged ends a brake that does harm, or whose cause has gone, and says so.
func (d *decision) judged(b *v1alpha1.Brake, w *want) bool {
	if !b.Holds(d.now) {
		return false
	}
	s := w.subject
	if text := worse(b, s.measure(), d.now); text != "" {
		d.end(b, ReasonMadeWorse, "It made it worse: "+text+".")
		return true
	}
	if b.Spec.Action != v1alpha1.ActionRestart {
		return false
	}
	if s.w.RevisionSince.After(b.Status.Since.Time) {
		d.end(b, ReasonCauseGone, "A new revision came: "+s.w.Revision+".")
		return true
	}
	if n := len(s.ends); s.ready > 0 && (n == 0 || d.now.Sub(s.ends[n-1].Time) >= probeTime) {
		d.end(b, ReasonCauseGone, fmt.Sprintf("The probe pod has been ready for %s.", probeTime))
		return true
	}
	return false
}

func (d *decision) step(verb Verb, b *v1alpha1.Brake, reason, message string) {
	d.steps = append(d.steps, Step{Verb: verb, Brake: *b.DeepCopy(), Reason: reason, Message: message})
}

func condition(b *v1alpha1.Brake, status metav1.ConditionStatus, reason, message string, now time.Time) {
	apimeta.SetStatusCondition(&b.Status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionHolding, Status: status, Reason: reason, Message: message, LastTransitionTime: *stamp(now), ObservedGeneration: b.Generation,
	})
}

// stamp is a time as the API keeps it.
func stamp(t time.Time) *metav1.Time { return &metav1.Time{Time: t.UTC().Truncate(time.Second)} }

// brakeName is that of the brake for an action, a target and an incident: so what
// was released stays so.
func brakeName(w *want) string {
	h := xxhash.New()
	parts := []string{string(w.action), w.target.Kind, w.target.Namespace, w.target.Name}
	if w.subject != nil {
		parts = append(parts, w.subject.incident.Namespace, w.subject.incident.Name)
	}
	for _, p := range parts {
		_, _ = h.WriteString(p + "\x00") // never fails
	}
	of := cmp.Or(w.target.Name, "cluster")
	return strings.ToLower(string(w.action)) + "-" + strings.Trim(of[:min(len(of), 40)], "-.") + "-" + fmt.Sprintf("%016x", h.Sum64())[:8]
}
