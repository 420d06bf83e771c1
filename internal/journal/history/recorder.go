package history

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Options of a Recorder. The zero value is ready to use.
type Options struct {
	// Patches, PatchBytes and Every are after how many patches, how many bytes of
	// them, or how long the object is recorded whole again. Every must be well
	// below the journal's retention. Defaults 32, 16 KiB and 6 hours.
	Patches    int
	PatchBytes int
	Every      time.Duration
	// HashKey makes hashes of Secrets' values, so that a change shows. It must not
	// be kept in the journal. Without it values are left out.
	HashKey []byte
	// MaxBytes bounds the memory for last states, which are kept compressed. The
	// ones beyond are recorded whole at their next change: some 300 bytes on disk more.
	// Default 32 MiB, for some 60,000 pods.
	MaxBytes int
}

// Recorder makes records of objects' states. Its methods may be used by many
// goroutines.
type Recorder struct {
	to   journal.Appender
	opts Options

	mu     sync.Mutex
	states *states
}

// Observation is an object as it was seen.
type Observation struct {
	Time   time.Time
	Source string
	Object record.Ref
	Owners []record.Ref
	Node   string
	// State is the object as JSON; nil if it was removed.
	State []byte
	// Detail is how much State shows; empty is record.Full.
	Detail record.Detail
}

// NewRecorder makes a recorder that appends to a journal.
func NewRecorder(to journal.Appender, opts Options) (*Recorder, error) {
	setDefault(&opts.Patches, 32)
	setDefault(&opts.PatchBytes, 16<<10)
	setDefault(&opts.Every, 6*time.Hour)
	setDefault(&opts.MaxBytes, 32<<20)
	states, err := newStates(opts.MaxBytes)
	if err != nil {
		return nil, err
	}
	return &Recorder{to: to, opts: opts, states: states}, nil
}

func setDefault[T ~int | ~int64](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// Close frees what compresses states.
func (r *Recorder) Close() { r.states.close() }

// Observe records a state if it differs from the last one, or if the last whole
// one is too old: so sources should also give unchanged objects now and then, as
// at an informer's resync. It says whether it recorded something. If the journal
// does not take it, the next state is compared with the last that it took.
func (r *Recorder) Observe(o Observation) (bool, error) {
	if o.State == nil {
		return r.delete(o)
	}
	state, err := matter(o.Object, o.State, r.opts.HashKey)
	if err != nil {
		return false, fmt.Errorf("record state of %s: %w", o.Object, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	payload, next, err := r.payload(o, state)
	if err != nil || payload == nil {
		return false, err
	}
	if err := r.to.Append(o.record(payload)); err != nil {
		return false, fmt.Errorf("record state of %s: %w", o.Object, err)
	}
	r.states.put(o.Object, next, state)
	return true, nil
}

// payload is what is to be recorded, nil if nothing is, and what is then known
// of the object.
func (r *Recorder) payload(o Observation, state []byte) (*record.State, known, error) {
	last, before, err := r.states.get(o.Object)
	if err != nil {
		return nil, last, fmt.Errorf("record state of %s: %w", o.Object, err)
	}
	whole := known{uid: o.Object.UID, detail: o.Detail, whole: o.Time.UnixNano()}
	if before == nil || last.uid != o.Object.UID || last.detail != o.Detail || o.Time.UnixNano()-last.whole >= int64(r.opts.Every) {
		return &record.State{Whole: state, Detail: o.Detail}, whole, nil
	}
	if bytes.Equal(before, state) {
		return nil, last, nil
	}
	patch, err := jsonpatch.CreateMergePatch(before, state)
	if err != nil {
		return nil, last, fmt.Errorf("record state of %s: compare: %w", o.Object, err)
	}
	last.patches++
	last.bytes += int32(len(patch))
	if int(last.patches) > r.opts.Patches || int(last.bytes) > r.opts.PatchBytes || len(patch) >= len(state) {
		return &record.State{Whole: state, Detail: o.Detail}, whole, nil
	}
	return &record.State{Patch: patch}, last, nil
}

func (r *Recorder) delete(o Observation) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.to.Append(o.record(&record.State{Deleted: true})); err != nil {
		return false, fmt.Errorf("record removal of %s: %w", o.Object, err)
	}
	r.states.drop(nameOf(o.Object))
	return true, nil
}

func (o Observation) record(p record.Payload) record.Record {
	return record.Record{Time: o.Time.UTC(), Source: o.Source, Object: o.Object, Owners: slices.Clone(o.Owners), Node: o.Node, Payload: p}
}
