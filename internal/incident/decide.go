package incident

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// Policy says when incidents open and close.
type Policy struct {
	// SettleDoubtful is how long an incident without a sure cause must last before
	// it is opened: much that looks like one passes. Default 20 s.
	SettleDoubtful time.Duration
	// Sure is the confidence from which it is sure what failed: that of all
	// candidates of the first cause's object together. Default 0.5.
	Sure float64
	// CloseAfter is how long the symptoms must be gone. It is longer than a
	// container that crashes again and again mostly runs. Default 2 min.
	CloseAfter time.Duration
	// UpdateEvery is how often what is no news, as a count, is written. Default 30 s.
	UpdateEvery time.Duration
	// Keep is how many closed incidents are kept. Default 100.
	Keep int
}

func (p Policy) complete() Policy {
	p.SettleDoubtful = cmp.Or(p.SettleDoubtful, 20*time.Second)
	p.Sure = cmp.Or(p.Sure, 0.5)
	p.CloseAfter = cmp.Or(p.CloseAfter, 2*time.Minute)
	p.UpdateEvery = cmp.Or(p.UpdateEvery, 30*time.Second)
	p.Keep = cmp.Or(p.Keep, 100)
	return p
}

// Known is what is known of incidents between verdicts. Its zero value knows of
// none.
type Known struct {
	Incidents []Entry
	// pending are those of the verdict that are not open yet, and since when.
	pending map[string]time.Time
}

// Entry is an incident with what is known of it beside its object.
type Entry struct {
	v1alpha1.Incident
	// Seen is when its symptoms were last there, Written when it was last written.
	Seen, Written time.Time
}

// Open says that the incident is not closed.
func (e *Entry) Open() bool { return e.Status.Closed == nil }

// Verb is what to do with an incident.
type Verb string

// The verbs.
const (
	Open   Verb = "open"
	Update Verb = "update"
	Merge  Verb = "merge" // it is closed because it belongs to another
	Close  Verb = "close"
	Forget Verb = "forget" // it was closed long ago
)

// Action is one thing to do.
type Action struct {
	Verb     Verb
	Incident v1alpha1.Incident
}

// Reasons of the condition Open.
const (
	ReasonSymptomsLast = "SymptomsLast"
	ReasonSymptomsGone = "SymptomsGone"
	ReasonMerged       = "Merged"
)

// Decide compares the verdict with what is known. It changes neither and returns
// what is known next.
func Decide(known Known, verdict []v1alpha1.IncidentStatus, now time.Time, p Policy) (Known, []Action) {
	p = p.complete()
	d := decision{p: p, now: now, next: Known{Incidents: slices.Clone(known.Incidents), pending: map[string]time.Time{}}}
	taken := map[int]bool{}
	matched := make([]int, len(verdict))
	for n := range verdict { // worst first: it has the first choice
		matched[n] = d.match(&verdict[n], taken)
		if matched[n] >= 0 {
			taken[matched[n]] = true
		}
	}
	for n := range verdict {
		if i := matched[n]; i >= 0 {
			d.update(i, &verdict[n])
		} else {
			d.open(known, &verdict[n])
		}
	}
	for i := range d.next.Incidents {
		if e := &d.next.Incidents[i]; e.Open() && !taken[i] && i < len(known.Incidents) {
			d.end(e, verdict, matched)
		}
	}
	d.forget()
	return d.next, d.actions
}

// decision is one under way.
type decision struct {
	p       Policy
	now     time.Time
	next    Known
	actions []Action
}

// match is the open incident that a verdict is about, or -1: of several the one
// that has most in common, and of those the oldest.
func (d *decision) match(s *v1alpha1.IncidentStatus, taken map[int]bool) int {
	best, most := -1, 0
	for i := range d.next.Incidents {
		e := &d.next.Incidents[i]
		if !e.Open() || taken[i] {
			continue
		}
		if n := likeness(&e.Status, s); n > most || n == most && n > 0 && older(e, &d.next.Incidents[best]) {
			best, most = i, n
		}
	}
	return best
}

func older(a, b *Entry) bool {
	return a.Status.Opened != nil && b.Status.Opened != nil && a.Status.Opened.Before(b.Status.Opened)
}

// likeness says how much two states of incidents have in common; 0 if they are
// about different things.
func likeness(a, b *v1alpha1.IncidentStatus) int {
	switch {
	case a.FirstCause.Object == b.FirstCause.Object && a.FirstCause.Reason == b.FirstCause.Reason && a.FirstCause.Reason != v1alpha1.NoCauseRecorded:
		return 4
	case a.FirstCause.Object == b.FirstCause.Object && a.FirstCause.Object != v1alpha1.ObjectRef{}:
		return 3
	case touches(a, b.FirstCause.Object) || touches(b, a.FirstCause.Object):
		return 2
	case common(a.BlastRadius.Workloads, b.BlastRadius.Workloads) || common(a.BlastRadius.Nodes, b.BlastRadius.Nodes) ||
		common(a.BlastRadius.Services, b.BlastRadius.Services):
		return 1
	}
	return 0
}

// touches says whether an object is among a status' causes or in its chain.
func touches(s *v1alpha1.IncidentStatus, o v1alpha1.ObjectRef) bool {
	if o == (v1alpha1.ObjectRef{}) {
		return false
	}
	return slices.ContainsFunc(s.Candidates, func(c v1alpha1.Cause) bool { return c.Object == o }) ||
		slices.ContainsFunc(s.Chain, func(l v1alpha1.Link) bool { return l.From == o || l.To == o })
}

func common(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// open opens an incident, at once if its cause is sure.
func (d *decision) open(known Known, s *v1alpha1.IncidentStatus) {
	if s.Closed != nil {
		return
	}
	id := identity(s)
	since, pending := known.pending[id]
	if !pending {
		since = d.now
	}
	if confidence(s) < d.p.Sure && d.now.Sub(since) < d.p.SettleDoubtful {
		d.next.pending[id] = since
		return
	}
	e := Entry{Seen: d.now, Written: d.now}
	e.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Incident"}
	e.Namespace, e.Name = placeOf(s), nameOf(s, d.now)
	s.DeepCopyInto(&e.Status)
	if e.Status.Opened == nil {
		e.Status.Opened = stamp(d.now)
	}
	e.Status.Conditions = d.conditions(nil, &e.Status, metav1.ConditionTrue, ReasonSymptomsLast, "The symptoms last.")
	d.next.Incidents = append(d.next.Incidents, e)
	d.act(Open, &e)
}

// confidence is how sure it is that the first cause's object is at fault, whatever
// exactly is wrong with it.
func confidence(s *v1alpha1.IncidentStatus) float64 {
	if s.FirstCause.Reason == v1alpha1.NoCauseRecorded {
		return 0
	}
	sum := 0.0
	for _, c := range s.Candidates {
		if c.Object == s.FirstCause.Object {
			sum += c.Confidence
		}
	}
	return max(sum, s.FirstCause.Confidence)
}

// update takes the verdict over, if there is news, or at times.
func (d *decision) update(i int, s *v1alpha1.IncidentStatus) {
	e := &d.next.Incidents[i]
	e.Seen = d.now
	news := news(&e.Status, s)
	if !news && (d.now.Sub(e.Written) < d.p.UpdateEvery || same(&e.Status, s)) {
		return
	}
	old := e.Status
	e.Status = v1alpha1.IncidentStatus{}
	s.DeepCopyInto(&e.Status)
	if old.Opened != nil && (e.Status.Opened == nil || old.Opened.Before(e.Status.Opened)) {
		e.Status.Opened = old.Opened
	}
	e.Status.Conditions = d.conditions(old.Conditions, &e.Status, metav1.ConditionTrue, ReasonSymptomsLast, "The symptoms last.")
	e.Written = d.now
	d.act(Update, e)
}

// end closes an incident that the verdict no longer has: at once if it belongs to
// another one, else when its symptoms have been gone for long enough.
func (d *decision) end(e *Entry, verdict []v1alpha1.IncidentStatus, matched []int) {
	for n := range verdict {
		if matched[n] >= 0 && likeness(&e.Status, &verdict[n]) >= 2 {
			into := d.next.Incidents[matched[n]].Name
			d.close(e, Merge, ReasonMerged, "It belongs to the incident "+into+".")
			return
		}
	}
	if d.now.Sub(e.Seen) >= d.p.CloseAfter {
		d.close(e, Close, ReasonSymptomsGone, "The symptoms have been gone for "+d.p.CloseAfter.String()+".")
	}
}

func (d *decision) close(e *Entry, verb Verb, reason, message string) {
	old := e.Status.Conditions
	e.Status = *e.Status.DeepCopy()
	e.Status.Closed = stamp(e.Seen)
	if verb == Merge {
		e.Status.Closed = stamp(d.now)
	}
	e.Status.Conditions = d.conditions(old, &e.Status, metav1.ConditionFalse, reason, message)
	e.Written = d.now
	d.act(verb, e)
}

// forget drops the incidents that were closed first, beyond those that are kept.
func (d *decision) forget() {
	var closed []int
	for i := range d.next.Incidents {
		if !d.next.Incidents[i].Open() {
			closed = append(closed, i)
		}
	}
	if len(closed) <= d.p.Keep {
		return
	}
	slices.SortStableFunc(closed, func(a, b int) int {
		return d.next.Incidents[a].Status.Closed.Compare(d.next.Incidents[b].Status.Closed.Time)
	})
	gone := map[string]bool{}
	for _, i := range closed[:len(closed)-d.p.Keep] {
		e := &d.next.Incidents[i]
		gone[e.Namespace+"/"+e.Name] = true
		d.act(Forget, e)
	}
	d.next.Incidents = slices.DeleteFunc(d.next.Incidents, func(e Entry) bool { return gone[e.Namespace+"/"+e.Name] })
}

func (d *decision) act(verb Verb, e *Entry) {
	d.actions = append(d.actions, Action{verb, *e.DeepCopy()})
}

// conditions are those of a status; one that stays as it was keeps its time.
func (d *decision) conditions(old []metav1.Condition, s *v1alpha1.IncidentStatus, open metav1.ConditionStatus, reason, message string) []metav1.Condition {
	explained := metav1.ConditionTrue
	if s.FirstCause.Reason == v1alpha1.NoCauseRecorded {
		explained = metav1.ConditionFalse
	}
	out := []metav1.Condition{
		{Type: v1alpha1.ConditionOpen, Status: open, Reason: reason, Message: message},
		{Type: v1alpha1.ConditionExplained, Status: explained, Reason: s.FirstCause.Reason, Message: clip(s.FirstCause.Message, 1000)},
	}
	for i := range out {
		out[i].LastTransitionTime = *stamp(d.now)
		for _, o := range old {
			if o.Type == out[i].Type && o.Status == out[i].Status {
				out[i].LastTransitionTime = o.LastTransitionTime
			}
		}
	}
	return out
}

// stamp is a time as the API keeps it.
func stamp(t time.Time) *metav1.Time { return &metav1.Time{Time: t.UTC().Truncate(time.Second)} }
