package stages

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Stage is one step of a start. A zero Finished means that it is still going on.
type Stage struct {
	// Name is what the step brings about, in the words of a progress line:
	// "API server ready".
	Name string `json:"name"`
	// Detail is true for steps that only a trace shows.
	Detail   bool      `json:"detail,omitempty"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`
	// Error says why the stage failed; empty while it goes on and after success.
	Error string `json:"error,omitempty"`
}

// Duration returns how long the stage took, or has taken by now.
func (s Stage) Duration() time.Duration {
	if s.Finished.IsZero() {
		return time.Since(s.Started)
	}
	return s.Finished.Sub(s.Started)
}

// Tracker collects the stages of one start. It is safe for concurrent use, and
// a nil *Tracker is usable and records nothing.
type Tracker struct {
	mu      sync.Mutex // guards all below
	stages  []Stage
	changed chan struct{} // closed and replaced at every change
	done    bool
}

// New returns an empty tracker.
func New() *Tracker {
	return &Tracker{changed: make(chan struct{})}
}

// Begin opens a stage. The function that it returns closes it, with the error
// that ended it or nil; it may be called once.
func (t *Tracker) Begin(name string) (end func(error)) { return t.begin(name, false) }

// BeginDetail opens a stage that only a trace shows.
func (t *Tracker) BeginDetail(name string) (end func(error)) { return t.begin(name, true) }

func (t *Tracker) begin(name string, detail bool) func(error) {
	if t == nil {
		return func(error) {}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	index := len(t.stages)
	t.stages = append(t.stages, Stage{Name: name, Detail: detail, Started: time.Now()})
	t.broadcast()
	return func(err error) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.stages[index].Finished = time.Now()
		if err != nil {
			t.stages[index].Error = err.Error()
		}
		t.broadcast()
	}
}

// Done says that the start is over; Watch then ends.
func (t *Tracker) Done() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done = true
	t.broadcast()
}

// broadcast wakes the watchers; t.mu is held.
func (t *Tracker) broadcast() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// List returns the stages so far, in the order in which they began.
func (t *Tracker) List() []Stage {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.stages)
}

// Watch calls emit with every stage that has finished, in the order of
// finishing, and returns once the start is over or ctx ends. Stages that had
// finished before the call come first.
func (t *Tracker) Watch(ctx context.Context, emit func(Stage) error) error {
	sent := map[int]bool{}
	for {
		t.mu.Lock()
		changed, done := t.changed, t.done
		var finished []Stage
		for i, stage := range t.stages {
			if !stage.Finished.IsZero() && !sent[i] {
				sent[i] = true
				finished = append(finished, stage)
			}
		}
		t.mu.Unlock()

		slices.SortStableFunc(finished, func(a, b Stage) int { return a.Finished.Compare(b.Finished) })
		for _, stage := range finished {
			if err := emit(stage); err != nil {
				return err
			}
		}
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
