package history

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Change is one step in an object's history.
type Change struct {
	Time   time.Time
	Source string
	Object record.Ref
	// Created says that nothing was known of it before, or that it had been
	// removed; Deleted that it was removed; neither, that Edits changed it.
	Created, Deleted bool
	Edits            []Edit
	// State is the object afterwards; nil if it was removed.
	State []byte
	// Unknown says that the state before is not recorded, so that there are
	// no Edits although something changed.
	Unknown bool
}

// Changes are the steps of an object's history between two times, both included.
// Whole states that repeat what is known are no steps. Damage in the journal is
// returned as error beside the steps that are left.
func Changes(ctx context.Context, q Querier, ref record.Ref, from, to time.Time) ([]Change, error) {
	var before Version
	if !from.IsZero() {
		var err error
		before, _, err = At(ctx, q, ref, from.Add(-time.Nanosecond))
		if err != nil && !errors.Is(err, ErrNotWhole) {
			return nil, err
		}
	}
	var changes []Change
	var damage error
	f := journal.Filter{Object: ref, From: from, To: to, Types: []record.Type{record.TypeState}}
	for r, err := range q.Query(ctx, f) {
		if d := (*journal.Damage)(nil); errors.As(err, &d) {
			damage = fmt.Errorf("history of %s: %w", ref, err)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("history of %s: %w", ref, err)
		}
		c := Change{Time: r.Time, Source: r.Source, Object: r.Object}
		after, err := before.next(r)
		switch {
		case errors.Is(err, ErrNotWhole):
			c.Unknown = true
			changes = append(changes, c)
			before = Version{}
			continue
		case err != nil:
			return nil, err
		}
		c.State = after.State
		switch {
		case after.State == nil:
			c.Deleted = true
		case before.State == nil || !sameUID(before.Object, after.Object):
			c.Created = true
		default:
			if c.Edits, err = Diff(before.State, after.State); err != nil {
				return nil, err
			}
		}
		if c.Created || c.Deleted || len(c.Edits) > 0 {
			changes = append(changes, c)
		}
		before = after
	}
	return changes, damage
}
