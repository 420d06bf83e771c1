// Package control runs the containment in a cluster: it hears of each verdict of the
// diagnosis, decides which brakes hold, tells and records it, and carries them out.
//
//	verdict -> view -> Decide -> Brakes, Events, records -> enforce
//
// controller.go decides, carry.go carries out. Brakes that persons make are carried
// out alike; their beginning and end are theirs.
//
// The rule: what was decided is written to the cluster before it is carried out, so
// that whoever comes after a crash knows what is to be taken back.
package control

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/contain"
	"github.com/bulkhead-k8s/bulkhead/internal/contain/enforce"
	"github.com/bulkhead-k8s/bulkhead/internal/contain/sight"
	"github.com/bulkhead-k8s/bulkhead/internal/contain/store"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Store keeps Brakes, and tells of them and of policies until ctx ends.
type Store interface {
	Write(ctx context.Context, b *v1alpha1.Brake) error
	Mark(ctx context.Context, b *v1alpha1.Brake) error
	Delete(ctx context.Context, name string) error
	WatchBrakes(ctx context.Context, c store.Changes[v1alpha1.Brake])
	WatchPolicies(ctx context.Context, c store.Changes[v1alpha1.ContainmentPolicy])
}

// Options of a Controller.
type Options struct {
	Store   Store
	Cluster enforce.Cluster
	// Record is given what was done, for the journal; it must not block. Default
	// none.
	Record func(record.Record)
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Controller runs the containment.
type Controller struct {
	opts    Options
	metrics *metrics
	wake    chan struct{}
	// admitted are the actions for which the API server has a policy, as far as is
	// known; applied is when each brake was last carried out. Run's alone.
	admitted map[v1alpha1.Action]bool
	applied  map[string]time.Time
	memory   contain.Memory

	mu       sync.Mutex
	brakes   map[string]*v1alpha1.Brake
	policies map[string]*v1alpha1.ContainmentPolicy
	seen     *contain.Input // the last verdict that was not looked at
}

// New makes a controller; Run starts it.
func New(o Options) *Controller {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Record == nil {
		o.Record = func(record.Record) {}
	}
	return &Controller{
		opts: o, metrics: newMetrics(), wake: make(chan struct{}, 1), admitted: map[v1alpha1.Action]bool{}, applied: map[string]time.Time{},
		brakes: map[string]*v1alpha1.Brake{}, policies: map[string]*v1alpha1.ContainmentPolicy{},
	}
}

// Observe hears of a verdict. It keeps nothing that it is given, and costs nothing
// while nothing fails, nothing holds and no policy declares compartments.
func (c *Controller) Observe(m *model.Model, open []*v1alpha1.Incident, now time.Time) {
	c.mu.Lock()
	quiet := len(open) == 0 && len(c.brakes) == 0
	for _, p := range c.policies {
		quiet = quiet && p.Spec.Compartments == nil
	}
	c.mu.Unlock()
	if quiet {
		return
	}
	began := time.Now()
	in := &contain.Input{View: sight.Of(m, now)}
	for _, i := range open {
		in.Incidents = append(in.Incidents, *i.DeepCopy())
	}
	c.metrics.view.Observe(time.Since(began).Seconds())
	c.mu.Lock()
	c.seen = in
	c.mu.Unlock()
	c.signal()
}

func (c *Controller) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Brakes are all that are known, by name.
func (c *Controller) Brakes() []v1alpha1.Brake {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []v1alpha1.Brake
	for _, n := range slices.Sorted(maps.Keys(c.brakes)) {
		out = append(out, *c.brakes[n].DeepCopy())
	}
	return out
}

// again is how often it is looked whether a brake's time has come, or what could not
// be carried out can be.
const again = 5 * time.Second

// Run contains until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	brakes, policies := make(chan struct{}), make(chan struct{})
	all.Go(func() {
		c.opts.Store.WatchBrakes(ctx, store.Changes[v1alpha1.Brake]{Put: c.put, Delete: c.deleted, Synced: func() { close(brakes) }})
	})
	all.Go(func() {
		c.opts.Store.WatchPolicies(ctx, store.Changes[v1alpha1.ContainmentPolicy]{Put: c.putPolicy, Delete: c.deletedPolicy, Synced: func() { close(policies) }})
	})
	for _, synced := range []chan struct{}{brakes, policies} {
		select {
		case <-ctx.Done():
			return nil
		case <-synced:
		}
	}
	c.sweep(ctx)
	timer := time.NewTimer(again)
	defer timer.Stop()
	for {
		c.pass(ctx)
		if c.idle() {
			timer.Stop()
		} else {
			timer.Reset(again)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		case <-timer.C:
		}
	}
}

// idle says that time alone changes nothing.
func (c *Controller) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.brakes) == 0
}

// put takes what the cluster says of a brake. Of ours, we know best: only its release
// and what it held are others' to say.
func (c *Controller) put(b *v1alpha1.Brake) {
	c.mu.Lock()
	old := c.brakes[b.Name]
	if b.DeletionTimestamp != nil && b.Spec.Release == nil {
		b = b.DeepCopy()
		b.Spec.Release = &v1alpha1.Release{By: deletion, At: *b.DeletionTimestamp}
	}
	news := old == nil || old.Spec.Release == nil && b.Spec.Release != nil
	if old != nil && b.Spec.RequestedBy == contain.Requester {
		old.Spec.Release, old.DeletionTimestamp = b.Spec.Release, b.DeletionTimestamp
		old.Status.Held, old.Status.LastHeld, old.Status.LastHeldAction = b.Status.Held, b.Status.LastHeld, b.Status.LastHeldAction
	} else {
		taken := b.DeepCopy()
		if old != nil {
			news = news || old.Generation != b.Generation
			taken.Status.Undo, taken.Status.Conditions, taken.Labels, taken.Finalizers = old.Status.Undo, old.Status.Conditions, old.Labels, old.Finalizers
		}
		c.brakes[b.Name] = taken
	}
	c.mu.Unlock()
	if news {
		c.signal()
	}
}

// deleted takes the deletion of a brake that holds as its release: it must stay so
// while its incident lasts, and be taken back, if it had no finalizer yet.
func (c *Controller) deleted(name string) {
	c.mu.Lock()
	if b := c.brakes[name]; b != nil {
		b.DeletionTimestamp = nil // it may be made again, as a released one
		if b.Spec.Release == nil {
			b.Spec.Release = &v1alpha1.Release{By: deletion, At: nowStamp(c.opts.Now())}
		}
		if b.Spec.RequestedBy != contain.Requester && len(b.Status.Undo) == 0 {
			delete(c.brakes, name)
		}
	}
	c.mu.Unlock()
	c.signal()
}

func (c *Controller) putPolicy(p *v1alpha1.ContainmentPolicy) {
	if err := contain.Check(p); err != nil {
		slog.Error("a containment policy is wrong, and not heeded", "policy", p.Name, "err", err)
	}
	c.mu.Lock()
	c.policies[p.Name] = p
	c.mu.Unlock()
}

func (c *Controller) deletedPolicy(name string) {
	c.mu.Lock()
	delete(c.policies, name)
	c.mu.Unlock()
}

// pass decides, if there was a verdict, and carries out.
func (c *Controller) pass(ctx context.Context) {
	for _, s := range c.decide() {
		c.tell(ctx, &s)
	}
	c.carryOut(ctx)
	c.measure()
}

// decide takes the last verdict, and says what it changes.
func (c *Controller) decide() []contain.Step {
	c.mu.Lock()
	in := c.seen
	c.seen = nil
	if in == nil {
		c.mu.Unlock()
		return nil
	}
	for _, n := range slices.Sorted(maps.Keys(c.brakes)) {
		in.Brakes = append(in.Brakes, *c.brakes[n].DeepCopy())
	}
	for _, p := range c.policies {
		in.Policies = append(in.Policies, *p)
	}
	c.mu.Unlock()
	began := time.Now()
	var steps []contain.Step
	c.memory, steps = contain.Decide(c.memory, *in)
	c.metrics.decision.Observe(time.Since(began).Seconds())
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range steps {
		if steps[i].Verb == contain.Move {
			continue // it changes no brake
		}
		b := steps[i].Brake.DeepCopy()
		if old := c.brakes[b.Name]; old != nil && b.Spec.Release == nil {
			b.Spec.Release = old.Spec.Release // it may have come meanwhile
		}
		c.brakes[b.Name] = b
		if steps[i].Verb == contain.Forget {
			delete(c.brakes, b.Name)
		}
	}
	return steps
}

// tell writes a step to the cluster, the journal and the log.
func (c *Controller) tell(ctx context.Context, s *contain.Step) {
	b := &s.Brake
	slog.Info("containment", "verb", s.Verb, "brake", b.Name, "action", b.Spec.Action, "mode", b.Spec.Mode, "target", b.Spec.Target, "reason", s.Reason)
	c.metrics.count(s)
	try, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	if s.Verb == contain.Move {
		c.move(try, s)
		return
	}
	if s.Verb == contain.Forget {
		if guarded(b) { // what was rolled back stays: it is not to be taken back now
			b.Finalizers, b.Status.Undo = nil, nil
			if err := c.opts.Store.Write(try, b); err != nil {
				slog.Warn("a brake keeps its finalizer", "brake", b.Name, "err", err)
			}
		}
		if err := c.opts.Store.Delete(try, b.Name); err != nil {
			slog.Warn("a brake that is over is still shown", "err", err)
		}
		return
	}
	if err := c.opts.Store.Write(try, b); err != nil {
		slog.Warn("a brake was not written", "err", err)
	}
	if s.Verb == contain.Prolong {
		return
	}
	now := c.opts.Now().UTC()
	c.record(now, b, string(s.Verb), s.Reason, s.Message)
	if b.Spec.Mode == v1alpha1.ModeObserve || b.Spec.Reason == contain.ReasonCompartment {
		return
	}
	c.event(try, enforce.Event{About: b.Spec.Target, Brake: b.Name, Warning: s.Verb != contain.End && s.Reason != contain.ReasonIncidentClosed, Time: now, Reason: eventReason(s), Message: s.Message + " Brake " + b.Name + "; `bulkhead contain explain` tells more."})
}

// event tells something about a target, or, if that is the cluster, about the brake.
func (c *Controller) event(ctx context.Context, e enforce.Event) {
	if e.About == (v1alpha1.ObjectRef{}) {
		e.About = v1alpha1.ObjectRef{Kind: "Brake", Name: e.Brake}
	}
	if err := enforce.Tell(ctx, c.opts.Cluster, e); err != nil {
		slog.Warn("a brake has no Event", "brake", e.Brake, "err", err)
	}
}

// move moves a neighbour off. A budget may forbid it; then it stays.
func (c *Controller) move(ctx context.Context, s *contain.Step) {
	message := s.Message
	if err := c.opts.Cluster.Evict(ctx, s.Pod.Namespace, s.Pod.Name); err != nil {
		slog.Warn("a neighbour is not moved off", "pod", *s.Pod, "err", err)
		message += " It was refused: " + err.Error()
	}
	b := s.Brake
	b.Spec.Target = *s.Pod
	c.record(c.opts.Now().UTC(), &b, string(s.Verb), s.Reason, message)
}

const writeTime = 10 * time.Second

// eventReason is as ScaleUpHeld, ScaleUpAdvised, ScaleUpEnds or ScaleUpReleased.
func eventReason(s *contain.Step) string {
	switch {
	case s.Verb == contain.End:
		return string(s.Brake.Spec.Action) + "Released"
	case s.Reason == contain.ReasonIncidentClosed:
		return string(s.Brake.Spec.Action) + "Ends"
	case s.Brake.Spec.Mode == v1alpha1.ModeAct:
		return string(s.Brake.Spec.Action) + "Held"
	}
	return string(s.Brake.Spec.Action) + "Advised"
}

// record writes to the journal what was done about a brake's target.
func (c *Controller) record(now time.Time, b *v1alpha1.Brake, verb, reason, message string) {
	t := b.Spec.Target
	c.opts.Record(record.Record{Time: now, Source: contain.Requester, Object: record.Ref{Group: enforce.Group(t.Kind), Kind: t.Kind, Namespace: t.Namespace, Name: t.Name},
		Payload: &record.Action{By: contain.Requester, Verb: verb, Action: string(b.Spec.Action), Mode: string(b.Spec.Mode), Reason: reason,
			Message: strings.TrimSpace(message), Brake: b.Name, Until: b.Spec.Until.UTC()}})
}
