package history

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Edit is a value that changed.
type Edit struct {
	// Path is as spec.containers[web].image: items of lists go by their name,
	// type or key where they have one, else by their number.
	Path string
	// Old and New are JSON; empty where there was none.
	Old, New string
}

// String is as people read it: path: old -> new.
func (e Edit) String() string {
	none := func(s string) string { return cmp.Or(s, "(none)") }
	return fmt.Sprintf("%s: %s -> %s", e.Path, none(e.Old), none(e.New))
}

// Diff compares two states, in order of paths.
func Diff(before, after []byte) ([]Edit, error) {
	a, err := decode(before)
	if err != nil {
		return nil, err
	}
	b, err := decode(after)
	if err != nil {
		return nil, err
	}
	var d differ
	d.maps("", a, b)
	return d.edits, d.err
}

type differ struct {
	edits []Edit
	err   error
}

func (d *differ) values(path string, a, b any) {
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			d.maps(path, x, y)
			return
		}
	case []any:
		if y, ok := b.([]any); ok {
			d.lists(path, x, y)
			return
		}
	}
	if e := (Edit{Path: path, Old: d.text(a), New: d.text(b)}); e.Old != e.New {
		d.edits = append(d.edits, e)
	}
}

func (d *differ) maps(path string, a, b map[string]any) {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	for _, k := range slices.Compact(keys) {
		name := k
		if strings.ContainsAny(k, ".[]") {
			name = "[" + k + "]"
		} else if path != "" {
			name = "." + k
		}
		d.values(path+name, a[k], b[k])
	}
}

// lists compares lists item by item: by name where all items have one.
func (d *differ) lists(path string, a, b []any) {
	for _, field := range []string{"name", "type", "key", "containerPort", "port", "ip"} {
		x, okA := named(a, field)
		y, okB := named(b, field)
		if !okA || !okB {
			continue
		}
		keys := slices.AppendSeq(slices.Collect(maps.Keys(x)), maps.Keys(y))
		slices.Sort(keys)
		for _, k := range slices.Compact(keys) {
			d.values(path+"["+k+"]", x[k], y[k])
		}
		return
	}
	for i := range max(len(a), len(b)) {
		var x, y any
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		d.values(fmt.Sprintf("%s[%d]", path, i), x, y)
	}
}

// named is a list's items by a field that each has and that tells them apart.
func named(list []any, field string) (map[string]any, bool) {
	out := map[string]any{}
	for _, item := range list {
		m, _ := item.(map[string]any)
		v, ok := m[field]
		if !ok {
			return nil, false
		}
		out[fmt.Sprint(v)] = item
	}
	return out, len(out) == len(list)
}

func (d *differ) text(v any) string {
	if v == nil {
		return ""
	}
	data, err := encode(v)
	if err != nil && d.err == nil {
		d.err = err
	}
	return string(bytes.TrimSpace(data))
}
