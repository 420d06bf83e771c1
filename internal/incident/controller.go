package incident

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Store keeps Incident objects.
type Store interface {
	// List gives all of them.
	List(ctx context.Context) ([]v1alpha1.Incident, error)
	// Write makes the object or brings it to this state.
	Write(ctx context.Context, in *v1alpha1.Incident) error
	// Delete removes it; that it is not there is no error.
	Delete(ctx context.Context, in *v1alpha1.Incident) error
}

// Meter is told what a Controller does; it must not block.
type Meter interface {
	Records(n, lost int)
	Evaluated(open int, took time.Duration)
	Opened(after time.Duration)
}

// unmetered is a Meter that nobody reads.
type unmetered struct{}

func (unmetered) Records(int, int)             {}
func (unmetered) Evaluated(int, time.Duration) {}
func (unmetered) Opened(time.Duration)         {}

// Options of a Controller.
type Options struct {
	Store Store
	// Announce is told of each opening, with what is known of the culprit's UID,
	// as to write an Event. Default none.
	Announce func(ctx context.Context, in *v1alpha1.Incident, uid string) error
	// Notify is told of openings, changes of the cause and ends; it must not
	// block. Default none.
	Notify func(Action)
	// Observe is told of each verdict: what is known of the cluster, and the
	// incidents that are open or were closed last. It must neither keep nor change
	// either, nor call the controller. Default none.
	Observe func(m *model.Model, incidents []Entry, now time.Time)
	// Meter counts. Default none.
	Meter Meter
	// Ready is closed once the records tell of the whole cluster: nothing is said
	// before. Nil is ready at once.
	Ready <-chan struct{}
	Policy
	// Debounce is how long an evaluation waits for further records. Default 300 ms.
	Debounce time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

const (
	// rest is how many times an evaluation's duration passes until the next one:
	// at most a fifth of one core.
	rest = 4
	// Some facts come with time alone. It is looked for them more often while
	// something fails.
	tickFailing, tickQuiet = 5 * time.Second, 15 * time.Second
	// window is how long the model keeps what happened, beyond what open incidents
	// are about; it forgets once in forgetEvery.
	window, forgetEvery = 6 * time.Hour, time.Minute
)

// Controller keeps Incidents. It is an Appender for records.
type Controller struct {
	opts   Options
	queue  *queue
	outbox *outbox

	// mu guards the model and what is known. An evaluation holds it.
	mu        sync.Mutex
	model     *model.Model
	known     Known
	started   time.Time
	forgotten time.Time // when the model last forgot
}

var _ journal.Appender = (*Controller)(nil)

// New makes a controller; Run starts it.
func New(o Options) *Controller {
	o.Policy = o.complete()
	o.Debounce = cmp.Or(o.Debounce, 300*time.Millisecond)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Ready == nil {
		ready := make(chan struct{})
		close(ready)
		o.Ready = ready
	}
	if o.Meter == nil {
		o.Meter = unmetered{}
	}
	c := &Controller{opts: o, queue: newQueue(), model: model.New()}
	c.outbox = newOutbox(o.Store)
	return c
}

// Append takes records; it never blocks. Under a flood, states that a newer one
// follows are left out.
func (c *Controller) Append(records ...record.Record) error {
	lost := c.queue.put(records)
	c.opts.Meter.Records(len(records), lost)
	return nil
}

// Verdict answers a question about now, from what is known.
func (c *Controller) Verdict(o diagnose.Options) diagnose.Result {
	c.take()
	c.mu.Lock()
	defer c.mu.Unlock()
	o.Now = c.opts.Now().UTC()
	return diagnose.Of(c.model, o)
}

// Incidents are the open ones and those that were closed last.
func (c *Controller) Incidents() []v1alpha1.Incident {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]v1alpha1.Incident, 0, len(c.known.Incidents))
	for i := range c.known.Incidents {
		out = append(out, *c.known.Incidents[i].DeepCopy())
	}
	return out
}

// Run keeps Incidents until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	if !c.load(ctx) {
		return nil
	}
	all.Go(func() { c.outbox.run(ctx) })
	var due, rested time.Time // zero: nothing is to be evaluated
	timer := time.NewTimer(c.tick())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.queue.wake:
			if c.take() && due.IsZero() {
				due = later(c.opts.Now().Add(c.opts.Debounce), rested)
				timer.Reset(due.Sub(c.opts.Now()))
			}
		case <-timer.C:
			c.take()
			took := c.evaluate()
			due, rested = time.Time{}, c.opts.Now().Add(rest*took)
			timer.Reset(max(c.tick(), rest*took))
		}
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// load waits until the records tell of the whole cluster, and reads what was
// known before the start. It says false if ctx ended.
func (c *Controller) load(ctx context.Context) bool {
	ready := c.opts.Ready
	for ready != nil {
		select {
		case <-ctx.Done():
			return false
		case <-c.queue.wake:
			c.take()
		case <-ready:
			ready = nil
		}
	}
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		list, err := c.opts.Store.List(ctx)
		if err == nil {
			c.adopt(list)
			return true
		}
		slog.Debug("incidents cannot be listed yet", "err", err)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
	}
}

func (c *Controller) adopt(list []v1alpha1.Incident) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started = c.opts.Now()
	for _, in := range list {
		c.known.Incidents = append(c.known.Incidents, Entry{Incident: in, Seen: c.started})
	}
}

// tick is when to look again although nothing came.
func (c *Controller) tick() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known.pending) > 0 {
		return tickFailing
	}
	for i := range c.known.Incidents {
		if c.known.Incidents[i].Open() {
			return tickFailing
		}
	}
	return tickQuiet
}

// take adds what was queued to the model, and says whether any of it may change
// the verdict.
func (c *Controller) take() (relevant bool) {
	batch := c.queue.take()
	if len(batch) == 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range batch {
		if own(r) {
			continue
		}
		relevant = relevant || matters(r)
		c.model.Add(r)
	}
	return relevant
}

// own says that a record is of an Event that this controller wrote: it must not
// be evidence for itself.
func own(r record.Record) bool {
	e, ok := r.Payload.(*record.Event)
	return ok && e.Component == component
}

// matters says whether a record may change the verdict.
func matters(r record.Record) bool {
	switch p := r.Payload.(type) {
	case *record.Event:
		return p.Kind != "Normal"
	case *record.Probe:
		return !p.OK
	case *record.Listing, *record.Usage, *record.Pressure, *record.Throttling, *record.Action:
		return false
	}
	return true
}

// evaluate finds the verdict and acts on it, and returns how long it took.
func (c *Controller) evaluate() time.Duration {
	began := time.Now()
	now := c.opts.Now().UTC()
	c.mu.Lock()
	result := diagnose.Of(c.model, diagnose.Options{Now: now})
	next, actions := Decide(c.known, result.Incidents, now, c.opts.Policy)
	c.known = next
	c.forget(now)
	uids := make([]string, len(actions))
	for i := range actions {
		uids[i] = c.uid(actions[i].Incident.Status.FirstCause.Object)
	}
	open := 0
	for i := range next.Incidents {
		if next.Incidents[i].Open() {
			open++
		}
	}
	if c.opts.Observe != nil {
		c.opts.Observe(c.model, next.Incidents, now)
	}
	c.mu.Unlock()
	took := time.Since(began)
	c.opts.Meter.Evaluated(open, took)
	for i, a := range actions {
		c.act(a, uids[i], now)
	}
	return took
}

// forget lets the model drop what nothing needs any more; mu is held.
func (c *Controller) forget(now time.Time) {
	if now.Sub(c.forgotten) < forgetEvery {
		return
	}
	c.forgotten = now
	needed := map[model.Key]bool{}
	for i := range c.known.Incidents {
		if e := &c.known.Incidents[i]; e.Open() {
			about(&e.Status, needed)
		}
	}
	c.model.Forget(now.Add(-window), func(k model.Key) bool { return needed[k] })
}

// about adds the objects that an incident's story is about.
func about(s *v1alpha1.IncidentStatus, to map[model.Key]bool) {
	add := func(o v1alpha1.ObjectRef) { to[model.Key{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}] = true }
	add(s.FirstCause.Object)
	for _, c := range s.Candidates {
		add(c.Object)
	}
	for _, l := range s.Chain {
		add(l.From)
		add(l.To)
	}
}

// uid is that of an object that is known; mu is held.
func (c *Controller) uid(o v1alpha1.ObjectRef) string {
	if k := c.model.Get(model.Key{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}); k != nil {
		return string(k.Value.GetUID())
	}
	return ""
}

// act hands an action to those who carry it out.
func (c *Controller) act(a Action, uid string, now time.Time) {
	in := &a.Incident
	slog.Info("incident", "verb", a.Verb, "name", in.Name, "namespace", in.Namespace, "reason", in.Status.FirstCause.Reason,
		"object", in.Status.FirstCause.Object, "confidence", in.Status.FirstCause.Confidence)
	c.outbox.put(a)
	if c.opts.Notify != nil && a.Verb != Forget {
		c.opts.Notify(a)
	}
	if a.Verb != Open {
		return
	}
	if t := in.Status.FirstCause.Since; t != nil && t.After(c.started) {
		c.opts.Meter.Opened(now.Sub(t.Time))
	}
	if c.opts.Announce != nil {
		c.outbox.do(func(ctx context.Context) error { return c.opts.Announce(ctx, in, uid) })
	}
}
