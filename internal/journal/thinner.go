package journal

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Appender takes records, as a Journal or a Thinner.
type Appender interface {
	// Append takes all of the records or none; it does not block.
	Append(records ...record.Record) error
}

// ThinnerOptions say when records are repeated too often.
type ThinnerOptions struct {
	// Window is the time that counts. Default 10 s.
	Window time.Duration
	// Burst is how many like records of a window are kept one by one. Default 10.
	Burst int
	// Keys is how many different ones are counted at most; further ones are kept
	// one by one until the window ends. Default 65,536.
	Keys int
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Thinner stands in front of a journal. Under a flood it keeps the first of like
// records (same object, type and reason) of each window, and one Summary of the
// others, with their count and the last of them as sample. Records that the
// journal has no room for are summarised in the same way. States, listings,
// absences, core dumps and summaries are never thinned: the first because each is
// needed to understand the next, the others because they are rare.
type Thinner struct {
	next Appender
	opts ThinnerOptions

	mu      sync.Mutex
	likes   map[like]*held
	started time.Time // of the window
	lost    loss
	stats   ThinnerStats
}

// ThinnerStats count records since the start.
type ThinnerStats struct {
	Kept uint64
	// Thinned are in summaries.
	Thinned uint64
	// Lost could not be thinned and had no room. How many, and when, is itself
	// recorded once there is room.
	Lost uint64
}

// like is what records have in common that say the same.
type like struct {
	object record.Ref
	of     record.Type
	reason string
}

// held is what is known of like records in this window.
type held struct {
	kept int
	*beyond
}

// beyond are those that were not kept.
type beyond struct {
	count int
	first time.Time
	last  record.Record
}

// NewThinner makes a thinner before next.
func NewThinner(next Appender, opts ThinnerOptions) *Thinner {
	setDefault(&opts.Window, 10*time.Second)
	setDefault(&opts.Burst, 10)
	setDefault(&opts.Keys, 65536)
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Thinner{next: next, opts: opts, likes: map[like]*held{}, started: opts.Now()}
}

// Append passes records on or counts them. It returns an error only for records
// that can be neither.
func (t *Thinner) Append(records ...record.Record) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.opts.Now().Sub(t.started) >= t.opts.Window {
		t.flush()
	}
	pass := make([]record.Record, 0, len(records))
	for _, r := range records {
		if h := t.held(r); h != nil && h.kept >= t.opts.Burst {
			h.add(r)
			t.stats.Thinned++
		} else {
			if h != nil {
				h.kept++
			}
			pass = append(pass, r)
		}
	}
	if len(pass) == 0 {
		return nil
	}
	err := t.next.Append(pass...)
	if err == nil {
		t.stats.Kept += uint64(len(pass))
		return nil
	}
	lost := 0
	for _, r := range pass {
		if h := t.held(r); h != nil {
			h.kept--
			h.add(r)
			t.stats.Thinned++
		} else {
			lost++
		}
	}
	if lost > 0 {
		t.stats.Lost += uint64(lost)
		t.lost.add(lost, t.opts.Now())
		return fmt.Errorf("%d records could not be kept: %w", lost, err)
	}
	return nil
}

// held is the count for a record's likes; nil if it is not thinned.
func (t *Thinner) held(r record.Record) *held {
	k, ok := likeOf(r)
	if !ok {
		return nil
	}
	h := t.likes[k]
	if h == nil && len(t.likes) < t.opts.Keys {
		h = &held{}
		t.likes[k] = h
	}
	return h
}

func (h *held) add(r record.Record) {
	if h.beyond == nil {
		h.beyond = &beyond{first: r.Time, last: r}
	}
	if r.Time.Before(h.first) {
		h.first = r.Time
	}
	if !r.Time.Before(h.last.Time) {
		h.last = r
	}
	h.count++
}

// likeOf says what a record is like.
func likeOf(r record.Record) (like, bool) {
	l := like{object: r.Object, of: r.Type()}
	switch p := r.Payload.(type) {
	case *record.Event:
		l.reason = p.Kind + " " + p.Reason + " " + p.FieldPath
	case *record.Exit:
		l.reason = fmt.Sprintf("%s %d %d %s", p.Container, p.Code, p.Signal, p.Reason)
	case *record.Probe:
		l.reason = fmt.Sprintf("%s %s %t", p.Container, p.Kind, p.OK)
	case *record.Usage:
		l.reason = p.Container + " " + p.Resource
	case *record.Pressure:
		l.reason = p.Container + " " + p.Resource
	case *record.Throttling:
		l.reason = p.Container
	case *record.Log:
		l.reason = p.Container
	case *record.OOMKill:
		l.reason = p.Container
	case *record.Pull:
		l.reason = fmt.Sprintf("%s %t", p.Image, p.Error == "")
	case *record.Audit:
		l.reason = fmt.Sprintf("%s %s %d", p.Verb, p.User, p.Code)
	case *record.Component:
		l.reason = p.Name + " " + p.Problem
	case *record.Network:
		l.reason = p.Reason
	case *record.Alert:
		l.reason = p.Name
	default:
		return like{}, false
	}
	return l, true
}

// Flush ends the window: it passes on the summaries. Those that there is no room
// for are kept and grow until there is.
func (t *Thinner) Flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flush()
}

func (t *Thinner) flush() {
	t.started = t.opts.Now()
	if t.lost.count > 0 && t.next.Append(t.lost.record()) == nil {
		t.lost = loss{}
	}
	for k, h := range t.likes {
		h.kept = 0
		if h.beyond != nil && t.next.Append(h.summary(k)) != nil {
			continue
		}
		delete(t.likes, k)
	}
}

func (h *held) summary(k like) record.Record {
	r := h.last
	r.Payload = &record.Summary{Of: k.of, Count: h.count, First: h.first, Last: h.last.Time, Sample: h.last.Payload}
	return r
}

// Stats are the present figures.
func (t *Thinner) Stats() ThinnerStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stats
}

// Run ends windows in time until ctx ends, and then the last.
func (t *Thinner) Run(ctx context.Context) {
	tick := time.NewTicker(t.opts.Window)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.Flush()
		case <-ctx.Done():
			t.Flush()
			return
		}
	}
}
