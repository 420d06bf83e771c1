package incident

import (
	"sync"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

const (
	// coalesceAt is from how many waiting records on only the last state of each
	// object waits; maxQueue is how many wait at most.
	coalesceAt = 4096
	maxQueue   = 262144
)

// queue holds records until the model takes them.
type queue struct {
	wake chan struct{}

	mu      sync.Mutex
	records []record.Record
	states  map[record.Ref]int // where an object's last state is
}

func newQueue() *queue {
	return &queue{wake: make(chan struct{}, 1), states: map[record.Ref]int{}}
}

// put adds records and returns how many there was no room for.
func (q *queue) put(records []record.Record) (lost int) {
	q.mu.Lock()
	for _, r := range records {
		s, ok := r.Payload.(*record.State)
		if ok && s.Patch == nil {
			if i, waits := q.states[r.Object]; waits && len(q.records) >= coalesceAt {
				q.records[i] = r
				continue
			}
			q.states[r.Object] = len(q.records)
		}
		if len(q.records) >= maxQueue {
			lost++
			delete(q.states, r.Object)
			continue
		}
		q.records = append(q.records, r)
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return lost
}

// take returns what waits.
func (q *queue) take() []record.Record {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := q.records
	q.records = nil
	clear(q.states)
	return out
}
