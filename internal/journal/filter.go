package journal

import (
	"slices"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/block"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Filter says which records are wanted. Each field that is set narrows it down.
type Filter struct {
	// From and To are the records' times; both are included.
	From, To time.Time
	// Object is what the records are of. Without UID it stands for all objects
	// that have had its name; with one, records without UID are included.
	Object record.Ref
	// Owned also takes records of what Object owns, directly or not, as far as
	// the records say so.
	Owned     bool
	Namespace string
	Node      string
	Types     []record.Type
	// Limit is how many records are given at most; 0 is all.
	Limit int
	// Reverse gives the newest first.
	Reverse bool
}

// query is a filter made ready.
type query struct {
	Filter
	from, to int64
	any      bool // of any object
	// keys are those that a record's block has one of; none if any block may do.
	keys []key
}

func (f Filter) query() *query {
	q := &query{Filter: f, from: -1 << 63, to: 1<<63 - 1, any: f.Object == record.Ref{}}
	if !f.From.IsZero() {
		q.from = block.Nanos(f.From)
	}
	if !f.To.IsZero() {
		q.to = block.Nanos(f.To)
	}
	switch {
	case !q.any:
		q.keys = append(q.keys, objectKey(f.Object))
		if f.Owned {
			q.keys = append(q.keys, ownerKey(f.Object))
		}
	case f.Node != "":
		q.keys = append(q.keys, nodeKey(f.Node))
	}
	return q
}

// overlaps says whether records between two times may be wanted.
func (q *query) overlaps(oldest, newest int64) bool { return newest >= q.from && oldest <= q.to }

// wantsType says whether records of a type are wanted.
func (q *query) wantsType(t record.Type) bool {
	return len(q.Types) == 0 || slices.Contains(q.Types, t)
}

// inBlock says whether record i of a block is wanted.
func (q *query) inBlock(b *block.Block, i int) bool {
	t := b.Nanos(i)
	return t >= q.from && t <= q.to && q.wantsType(b.Type(i)) &&
		(q.any || b.IsObject(i, q.Object) || q.Owned && b.IsOwnedBy(i, q.Object)) &&
		(q.Node == "" || b.OnNode(i, q.Node)) &&
		(q.Namespace == "" || b.InNamespace(i, q.Namespace))
}

// matches says whether a record is wanted.
func (q *query) matches(r *record.Record) bool {
	t := block.Nanos(r.Time)
	return t >= q.from && t <= q.to && q.wantsType(r.Type()) &&
		(q.any || same(r.Object, q.Object) || q.Owned && slices.ContainsFunc(r.Owners, func(o record.Ref) bool { return same(o, q.Object) })) &&
		(q.Node == "" || r.Node == q.Node) &&
		(q.Namespace == "" || r.Object.Namespace == q.Namespace)
}

func same(a, wanted record.Ref) bool {
	return a.Key() == wanted.Key() && (a.UID == "" || wanted.UID == "" || a.UID == wanted.UID)
}
