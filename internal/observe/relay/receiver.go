package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Journal is what a Receiver needs of one.
type Journal interface {
	Sync(context.Context) error
	Health() error
	Query(context.Context, journal.Filter) iter.Seq2[record.Record, error]
}

// ReceiverOptions of a Receiver. Owners and NodeOf know of pods what the API server
// tells; all fields but Now are needed.
type ReceiverOptions struct {
	// To takes records on their way to Journal.
	To      journal.Appender
	Journal Journal
	// Owners gives the controllers above a pod, nearest first.
	Owners func(pod record.Ref) []record.Ref
	// NodeOf is the node that a pod is on; empty if that is not known.
	NodeOf func(pod record.Ref) string
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Receiver takes the batches of all agents.
type Receiver struct {
	opts ReceiverOptions

	mu    sync.Mutex
	nodes map[string]*origin
}

// origin is what is known of a node.
type origin struct {
	mu   sync.Mutex // one batch of a node at a time
	last ID         // that was taken
}

// NewReceiver makes a receiver.
func NewReceiver(o ReceiverOptions) *Receiver {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Receiver{opts: o, nodes: map[string]*origin{}}
}

func (r *Receiver) origin(node string) *origin {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.nodes[node]
	if s == nil {
		s = &origin{}
		r.nodes[node] = s
	}
	return s
}

// Receive takes a batch of a node, once, and returns when it is safe on disk. While
// the journal cannot write it takes none.
func (r *Receiver) Receive(ctx context.Context, node string, id ID, body io.Reader) error {
	records, err := decode(body)
	if err != nil {
		return err
	}
	s := r.origin(node)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last.Stream != id.Stream || s.last.Number < id.Number {
		if err := r.opts.Journal.Health(); err != nil {
			return fmt.Errorf("the journal cannot write: %w", err)
		}
		if records, err = r.accept(ctx, node, records, s.last.Stream != id.Stream); err != nil {
			return err
		}
		// What the journal has no room for is counted there; to be given it again
		// would tell the diagnosis twice.
		_ = r.opts.To.Append(records...)
		s.last = id
	}
	return r.opts.Journal.Sync(ctx)
}

// accept is those of the records that are this node's to tell, made what they are
// here. Of a stream that is new, some may have been taken before this process began.
func (r *Receiver) accept(ctx context.Context, node string, records []record.Record, fresh bool) ([]record.Record, error) {
	now := r.opts.Now().UTC()
	var mine []record.Record
	for _, given := range records {
		if made, ok := own(given, node, now, r.opts.NodeOf); ok {
			mine = append(mine, made)
		}
	}
	if fresh && len(mine) > 0 {
		had, err := r.had(ctx, node, mine)
		if err != nil {
			return nil, err
		}
		unknown := mine[:0]
		for _, m := range mine {
			if !had[likeness(m)] {
				unknown = append(unknown, m)
			}
		}
		mine = unknown
	}
	for i := range mine {
		if mine[i].Object.Kind == "Pod" {
			mine[i].Owners = r.opts.Owners(mine[i].Object)
		}
	}
	return mine, nil
}

// had is what the journal has of a node since the oldest of the records.
func (r *Receiver) had(ctx context.Context, node string, records []record.Record) (map[string]bool, error) {
	since := records[0].Time
	for _, one := range records {
		if one.Time.Before(since) {
			since = one.Time
		}
	}
	had := map[string]bool{}
	for one, err := range r.opts.Journal.Query(ctx, journal.Filter{From: since, Node: node, Types: types()}) {
		if damage := (*journal.Damage)(nil); errors.As(err, &damage) {
			continue // what cannot be read may come twice
		}
		if err != nil {
			return nil, fmt.Errorf("look for what was taken before: %w", err)
		}
		had[likeness(one)] = true
	}
	return had, nil
}

// likeness is what two records that are the same have in common: all that the node
// has said.
func likeness(r record.Record) string {
	r.Owners = nil
	text, err := json.Marshal(r)
	if err != nil {
		return "" // of no payload, which own has refused
	}
	return string(text)
}
