package history

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// ErrNotWhole indicates that changes of an object are recorded, but no longer the
// whole object that they follow from: its state then is not known.
var ErrNotWhole = errors.New("the object's whole state is not recorded")

// Querier finds records, as a Journal does.
type Querier interface {
	Query(ctx context.Context, f journal.Filter) iter.Seq2[record.Record, error]
}

// Version is an object's state from a time on.
type Version struct {
	Time   time.Time
	Source string
	Object record.Ref
	// State is what of the object is kept; nil once it is removed.
	State  []byte
	Detail record.Detail
}

// At is the object's state at a time. ok is false if nothing is recorded of it
// until then, or if it was removed; Version.Time tells the two apart.
func At(ctx context.Context, q Querier, ref record.Ref, at time.Time) (v Version, ok bool, err error) {
	var chain []record.Record
	f := journal.Filter{Object: ref, To: at, Types: []record.Type{record.TypeState}, Reverse: true}
	for r, err := range q.Query(ctx, f) {
		if d := (*journal.Damage)(nil); errors.As(err, &d) {
			// It comes after all records, so no whole state was found; what
			// it would have changed is not known.
			return Version{}, false, fmt.Errorf("state of %s: %w", ref, err)
		}
		if err != nil {
			return Version{}, false, fmt.Errorf("state of %s: %w", ref, err)
		}
		chain = append(chain, r)
		if s := r.Payload.(*record.State); s.Patch == nil {
			break
		}
	}
	if len(chain) == 0 {
		return Version{}, false, nil
	}
	slices.Reverse(chain)
	for _, r := range chain {
		if v, err = v.next(r); err != nil {
			return Version{}, false, err
		}
	}
	return v, v.State != nil, nil
}

// next is the version that a record makes of the one before.
func (v Version) next(r record.Record) (Version, error) {
	s, ok := r.Payload.(*record.State)
	if !ok {
		return v, fmt.Errorf("state of %s: a record of type %s", r.Object, r.Type())
	}
	n := Version{Time: r.Time, Source: r.Source, Object: r.Object}
	switch {
	case s.Deleted:
	case s.Patch == nil:
		n.State, n.Detail = s.Whole, s.Detail
	case v.State == nil || !sameUID(v.Object, r.Object):
		return v, fmt.Errorf("state of %s at %s: %w", r.Object, r.Time.Format(time.RFC3339), ErrNotWhole)
	default:
		state, err := jsonpatch.MergePatch(v.State, s.Patch)
		if err != nil {
			return v, fmt.Errorf("state of %s at %s: %w", r.Object, r.Time.Format(time.RFC3339), err)
		}
		n.State, n.Detail = state, v.Detail
	}
	return n, nil
}

func sameUID(a, b record.Ref) bool { return a.UID == "" || b.UID == "" || a.UID == b.UID }
