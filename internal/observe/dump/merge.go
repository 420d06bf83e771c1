package dump

import (
	"encoding/json"
	"fmt"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

// state is all that a dump shows of one object.
type state struct {
	ref    record.Ref
	full   *fullObject
	views  []*view.View
	source string
}

// rank orders views by how much they show.
func rank(d record.Detail) int {
	switch d {
	case record.Described:
		return 1
	case record.Columns:
		return 2
	}
	return 0
}

// whole is the object in JSON: the whole object if it is there, else the views
// laid over each other, the one that shows most on top.
func (s *state) whole() (json.RawMessage, record.Detail, error) {
	if s.full != nil {
		return s.full.raw, record.Full, nil
	}
	best := s.views[0].Detail
	var merged any
	for want := 1; want <= 2; want++ {
		for _, v := range s.views {
			if rank(v.Detail) != want {
				continue
			}
			if rank(v.Detail) < rank(best) {
				best = v.Detail
			}
			raw, err := json.Marshal(v.Object)
			if err != nil {
				return nil, "", fmt.Errorf("encoding %s: %w", s.ref, err)
			}
			if len(s.views) == 1 {
				return raw, v.Detail, nil
			}
			var m any
			if err := json.Unmarshal(raw, &m); err != nil {
				return nil, "", fmt.Errorf("merging %s: %w", s.ref, err)
			}
			merged = underlay(merged, m)
		}
	}
	raw, err := json.Marshal(merged)
	return raw, best, err
}

// underlay fills what is missing in top from below. Lists of top stay, unless
// they are empty: their items cannot be told apart by position.
func underlay(top, below any) any {
	switch t := top.(type) {
	case nil:
		return below
	case map[string]any:
		b, ok := below.(map[string]any)
		if !ok {
			return top
		}
		for k, v := range b {
			t[k] = underlay(t[k], v)
		}
		return t
	case []any:
		b, ok := below.([]any)
		if len(t) == 0 {
			return below
		}
		if ok {
			return underlayNamed(t, b)
		}
	case string:
		if t == "" {
			return below
		}
	}
	return top
}

// underlayNamed fills items that have the same name or type in both lists.
func underlayNamed(top, below []any) []any {
	key := func(v any) string {
		m, _ := v.(map[string]any)
		for _, k := range []string{"name", "type", "port"} {
			switch s := m[k].(type) {
			case string:
				if s != "" {
					return s
				}
			case float64:
				return fmt.Sprint(s)
			}
		}
		return ""
	}
	for i, t := range top {
		for _, b := range below {
			if k := key(t); k != "" && k == key(b) {
				top[i] = underlay(t, b)
			}
		}
	}
	return top
}
