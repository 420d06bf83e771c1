package relay

import (
	"slices"
	"sync"

	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// queue is what waits to be sent.
type queue struct {
	most   int
	filled chan struct{} // has a value if there may be something to send

	mu      sync.Mutex
	records []record.Record
}

// Append takes all records or, with journal.ErrQueueFull, none.
func (q *queue) Append(records ...record.Record) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.records)+len(records) > q.most {
		return journal.ErrQueueFull
	}
	q.records = append(q.records, records...)
	select {
	case q.filled <- struct{}{}:
	default:
	}
	return nil
}

// first is a copy of the oldest records, at most n.
func (q *queue) first(n int) []record.Record {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.records[:min(n, len(q.records))])
}

// drop removes records by their place.
func (q *queue) drop(from, to int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.records = slices.Delete(q.records, from, to)
	if len(q.records) == 0 {
		q.records = nil // a flood's memory is given back
	}
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.records)
}
