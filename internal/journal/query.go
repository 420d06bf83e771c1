package journal

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Query gives the wanted records in order of time; those of one time as they were
// written. It sees what was written when it began and does not wait for what is
// queued. Damaged parts are left out: after all records, an error that is a
// *Damage says so. Other errors end the sequence.
func (j *Journal) Query(ctx context.Context, f Filter) iter.Seq2[record.Record, error] {
	return func(yield func(record.Record, error) bool) {
		q := f.query()
		j.mu.RLock()
		sources := j.sources(q)
		j.mu.RUnlock()
		defer release(sources)
		j.merge(ctx, q, sources, yield)
	}
}

// source is a segment or a memtable that a query reads: when it may have records,
// and how to read it. What it read is called a cursor.
type source struct {
	oldest, newest int64
	order          int // of records of the same time
	open           func(*blockCache) (*cursor, error)
	segment        *segment // held for the query; nil for a memtable
}

func release(sources []source) {
	for _, s := range sources {
		if s.segment != nil {
			s.segment.release()
		}
	}
}

// sources is what may have wanted records; mu is held.
func (j *Journal) sources(q *query) []source {
	var out []source
	for _, s := range j.segments {
		if q.overlaps(s.Oldest, s.Newest) {
			s.refs.Add(1)
			out = append(out, source{s.Oldest, s.Newest, len(out), func(c *blockCache) (*cursor, error) { return j.openSegmentCursor(s, q, c) }, s})
		}
	}
	for _, m := range []*memtable{j.sealing, j.active} {
		if m == nil {
			continue
		}
		if v := m.view(q); q.overlaps(v.oldest, v.newest) {
			out = append(out, source{v.oldest, v.newest, len(out), func(c *blockCache) (*cursor, error) { return openMemCursor(v, q, c) }, nil})
		}
	}
	return out
}

// merge opens each source when its time comes and gives the records in order.
func (j *Journal) merge(ctx context.Context, q *query, waiting []source, yield func(record.Record, error) bool) {
	// first is the earliest that a source can give; reversed, the latest.
	first := func(s *source) int64 {
		if q.Reverse {
			return -s.newest
		}
		return s.oldest
	}
	slices.SortStableFunc(waiting, func(a, b source) int { return compare(first(&a), first(&b)) })
	cache := newBlockCache()
	var open []*cursor
	defer func() {
		for _, c := range open {
			c.close()
		}
	}()
	var damage []error
	for given := 0; q.Limit == 0 || given < q.Limit; {
		if ctx.Err() != nil {
			yield(record.Record{}, ctx.Err())
			return
		}
		best := least(open, q.Reverse)
		if len(waiting) > 0 && (best == nil || first(&waiting[0]) <= best.position(q.Reverse)) {
			c, err := waiting[0].open(cache)
			switch {
			case err != nil:
				yield(record.Record{}, err)
				return
			default:
				c.order = waiting[0].order
				damage = append(damage, c.damage...)
				open = append(open, c)
			}
			waiting = waiting[1:]
			continue
		}
		if best == nil {
			break
		}
		r, err := best.next(cache)
		switch {
		case errors.Is(err, record.ErrUnknownType):
			continue
		case err != nil:
			damage = append(damage, err)
			continue
		}
		if !yield(r, nil) {
			return
		}
		given++
		if best.done() {
			best.close()
			open = slices.DeleteFunc(open, func(c *cursor) bool { return c == best })
		}
	}
	if len(damage) > 0 {
		yield(record.Record{}, errors.Join(damage...))
	}
}

// least is the cursor whose record comes next.
func least(open []*cursor, reverse bool) *cursor {
	var best *cursor
	for _, c := range open {
		if c.done() {
			continue
		}
		if best == nil {
			best = c
			continue
		}
		switch d := compare(c.position(reverse), best.position(reverse)); {
		case d < 0, d == 0 && (c.order < best.order) != reverse:
			best = c
		}
	}
	return best
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
