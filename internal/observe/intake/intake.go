package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/history"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Options of an Intake.
type Options struct {
	// Journal is where records are kept.
	Journal journal.Appender
	// Live is given every record as it comes; nil if nobody wants them.
	Live journal.Appender
	// HashKey makes hashes of Secrets' values; see history.Options.
	HashKey []byte
	// Kept is the time of the last record that the journal had when this process
	// started: what is not newer, and is told again at a start, is there already.
	Kept time.Time
}

// Intake is an Appender for sources.
type Intake struct {
	opts     Options
	recorder *history.Recorder
	thinner  *journal.Thinner
}

var _ journal.Appender = (*Intake)(nil)

// New makes an intake.
func New(o Options) (*Intake, error) {
	recorder, err := history.NewRecorder(o.Journal, history.Options{HashKey: o.HashKey})
	if err != nil {
		return nil, fmt.Errorf("record states: %w", err)
	}
	return &Intake{opts: o, recorder: recorder, thinner: journal.NewThinner(o.Journal, journal.ThinnerOptions{})}, nil
}

// Run summarises repetitions until ctx ends. Nothing may be appended afterwards.
func (i *Intake) Run(ctx context.Context) {
	i.thinner.Run(ctx)
	i.recorder.Close()
}

// Stats count what became of records that are no states.
func (i *Intake) Stats() journal.ThinnerStats { return i.thinner.Stats() }

// Append hands records on. The error says what the journal did not take; the
// diagnosis has had it, and has it twice if it is given again.
func (i *Intake) Append(records ...record.Record) error {
	var errs []error
	if i.opts.Live != nil {
		errs = append(errs, i.opts.Live.Append(records...))
	}
	var others []record.Record
	for _, r := range records {
		s, ok := r.Payload.(*record.State)
		switch {
		case ok && s.Patch == nil:
			_, err := i.recorder.Observe(history.Observation{
				Time: r.Time, Source: r.Source, Object: r.Object, Owners: r.Owners, Node: r.Node, State: s.Whole, Detail: s.Detail,
			})
			errs = append(errs, err)
		case ok || !i.kept(r):
			others = append(others, r)
		}
	}
	if len(others) > 0 {
		errs = append(errs, i.thinner.Append(others...))
	}
	return errors.Join(errs...)
}

// kept says that a record of something that happened is in the journal already:
// at a start, the API still tells the last hour's Events.
func (i *Intake) kept(r record.Record) bool {
	switch r.Type() {
	case record.TypeExit:
		// A kernel tells an end once, and an agent's may reach us late.
		return r.Source != "kernel" && !r.Time.After(i.opts.Kept)
	case record.TypeEvent, record.TypePull:
		return !r.Time.After(i.opts.Kept)
	}
	return false
}
