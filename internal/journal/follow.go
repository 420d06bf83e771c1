package journal

import (
	"context"
	"fmt"
	"iter"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// subscription is a follower's side of the writer.
type subscription struct {
	batches chan []record.Record
	missed  int // records that it was too slow for; the journal's mu guards it
}

// offer gives written records to the follower, or counts them as missed.
func (s *subscription) offer(records []record.Record) {
	select {
	case s.batches <- records:
	default:
		s.missed += len(records)
	}
}

// Follow gives wanted records as they are written, until ctx or the journal ends.
// If the filter has From, those that were written before come first, in order of
// time. Each comes once. A follower that is too slow gets ErrLagging and goes on
// with what comes then. Limit counts both parts; Reverse is not heeded.
func (j *Journal) Follow(ctx context.Context, f Filter) iter.Seq2[record.Record, error] {
	return func(yield func(record.Record, error) bool) {
		f.Reverse = false
		q := f.query()
		sub := &subscription{batches: make(chan []record.Record, 16)}
		j.mu.Lock()
		if j.closed {
			j.mu.Unlock()
			yield(record.Record{}, ErrClosed)
			return
		}
		var past []source
		if !f.From.IsZero() {
			past = j.sources(q)
		}
		j.subs[sub] = struct{}{}
		j.mu.Unlock()
		defer func() {
			j.mu.Lock()
			delete(j.subs, sub)
			j.mu.Unlock()
		}()
		given, stopped := 0, false
		give := func(r record.Record, err error) bool {
			if err == nil {
				given++
			}
			stopped = !yield(r, err) || (q.Limit > 0 && given >= q.Limit)
			return !stopped
		}
		func() {
			defer release(past)
			j.merge(ctx, q, past, give)
		}()
		for !stopped {
			j.followLive(ctx, q, sub, give)
			if ctx.Err() != nil || j.isClosed() {
				return
			}
		}
	}
}

// followLive gives what one batch has.
func (j *Journal) followLive(ctx context.Context, q *query, sub *subscription, give func(record.Record, error) bool) {
	var batch []record.Record
	select {
	case batch = <-sub.batches:
	case <-ctx.Done():
		return
	case <-j.closing:
		return
	}
	for i := range batch {
		if q.matches(&batch[i]) && !give(batch[i], nil) {
			return
		}
	}
	j.mu.Lock()
	missed := sub.missed
	// Those in the channel come before the gap.
	if len(sub.batches) > 0 {
		missed = 0
	}
	sub.missed -= missed
	j.mu.Unlock()
	if missed > 0 {
		give(record.Record{}, fmt.Errorf("%w: missed %d records", ErrLagging, missed))
	}
}

func (j *Journal) isClosed() bool {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.closed
}
