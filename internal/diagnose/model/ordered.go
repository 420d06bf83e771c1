package model

import "slices"

// ordered is a list that is brought into order when it is asked for: what came since
// is merged in, and what is gone is taken out.
type ordered[T comparable] struct {
	list, fresh []T
	gone        bool // something of list or fresh is to be taken out
}

func (o *ordered[T]) add(v T) { o.fresh = append(o.fresh, v) }

// drop says that keep refuses something now.
func (o *ordered[T]) drop() { o.gone = true }

// all are what keep lets stay, in order and each once. The list is not changed later
// on.
func (o *ordered[T]) all(compare func(a, b T) int, keep func(T) bool) []T {
	if len(o.fresh) == 0 && !o.gone {
		return o.list
	}
	slices.SortFunc(o.fresh, compare)
	out := make([]T, 0, len(o.list)+len(o.fresh))
	put := func(v T) {
		if keep(v) && (len(out) == 0 || out[len(out)-1] != v) {
			out = append(out, v)
		}
	}
	rest := o.fresh
	for _, v := range o.list {
		for len(rest) > 0 && compare(rest[0], v) < 0 {
			put(rest[0])
			rest = rest[1:]
		}
		put(v)
	}
	for _, v := range rest {
		put(v)
	}
	o.list, o.fresh, o.gone = out, nil, false
	return out
}
