package dump

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/parallel"
)

// objects reads one or several JSON documents with objects of the API in them.
func (r reader) objects(f *find, data []byte, c command) {
	s := scanner{data: data}
	for {
		s.space()
		if s.pos >= len(data) {
			return
		}
		if data[s.pos] == '[' {
			var items [][]byte
			err := s.array(func(v []byte) bool { items = append(items, v); return true })
			r.items(f, items, "", "")
			if err != nil {
				f.damaged(0, "reading objects", err)
				return
			}
			continue
		}
		if err := r.document(f, &s, c); err != nil {
			f.damaged(0, "reading objects", err)
			return
		}
	}
}

// document reads an object or a list of them.
func (r reader) document(f *find, s *scanner, c command) error {
	start := s.pos
	var apiVersion, kind, remaining string
	var items [][]byte
	isList := false
	err := s.object(func(key string) (bool, error) {
		switch key {
		case "apiVersion", "kind":
			v, err := s.value()
			if key == "kind" {
				kind = unquote(v)
			} else {
				apiVersion = unquote(v)
			}
			return true, err
		case "items":
			if s.pos < len(s.data) && s.data[s.pos] == '[' {
				isList = true
				return true, s.array(func(v []byte) bool { items = append(items, v); return true })
			}
			// An empty list is null where the server's Go slice was nil.
			isList = bytes.HasPrefix(s.data[s.pos:], []byte("null"))
		case "metadata":
			v, err := s.value()
			if bytes.Contains(v, []byte(`"remainingItemCount"`)) {
				remaining = "more"
			}
			return true, err
		}
		return true, nil
	})
	if !isList || !strings.HasSuffix(kind, "List") {
		if err == nil {
			r.items(f, [][]byte{s.data[start:s.pos]}, "", "")
		}
		return err
	}
	itemKind := strings.TrimSuffix(kind, "List")
	r.items(f, items, apiVersion, itemKind)
	if err == nil && remaining == "" {
		r.listed(f, c, apiVersion, itemKind, items)
	}
	return err
}

// listed notes that a list is complete: one that a command without names gave,
// or a list of one kind, which the API gives only as a whole.
func (r reader) listed(f *find, c command, apiVersion, itemKind string, items [][]byte) {
	if c.listing() {
		if len(c.kinds) == 1 {
			r.list(f, c, c.kinds, "", len(items))
		}
		return
	}
	if itemKind == "" || c.verb != "" {
		return
	}
	namespaces := map[string]bool{}
	for _, raw := range items {
		h, _ := readHead(raw)
		namespaces[h.Metadata.Namespace] = true
	}
	k := r.names.Of(apiVersion, itemKind, "")
	l := listing{kind: k, count: len(items), source: f.piece}
	switch {
	case !k.Namespaced, len(namespaces) > 1:
	case len(namespaces) == 1:
		for ns := range namespaces {
			l.namespace = ns
		}
	default:
		if l.namespace = directoryNamespace(f.piece); l.namespace == "" {
			return
		}
	}
	f.listings = append(f.listings, l)
}

// items files objects, on all cores.
func (r reader) items(f *find, items [][]byte, apiVersion, kind string) {
	const batch = 256
	results := make([]struct {
		objects []fullObject
		bad     []error
		newest  time.Time
		pulse   time.Time
	}, (len(items)+batch-1)/batch)
	parallel.Batches(len(items), batch, func(from, to int) {
		out := &results[from/batch]
		out.objects = make([]fullObject, 0, to-from)
		for _, raw := range items[from:to] {
			o, err := r.item(raw, apiVersion, kind)
			if err != nil {
				out.bad = append(out.bad, err)
				continue
			}
			out.objects = append(out.objects, o)
			t := newestIn(raw)
			if t.After(out.newest) {
				out.newest = t
			}
			if (o.kind.Kind == "Node" || o.kind.Kind == "Lease") && t.After(out.pulse) {
				out.pulse = t
			}
		}
	})
	f.full = slices.Grow(f.full, len(items))
	for _, out := range results {
		f.full = append(f.full, out.objects...)
		f.see(out.newest)
		f.beat(out.pulse)
		for _, err := range out.bad {
			f.damaged(0, "reading an object", err)
		}
	}
}

var errNoObject = errors.New("it has no kind or no name")

func (r reader) item(raw []byte, apiVersion, kind string) (fullObject, error) {
	h, err := readHead(raw)
	if err != nil {
		return fullObject{}, err
	}
	if h.Kind == "" && kind != "" {
		raw = withType(raw, apiVersion, kind)
		h.Kind, h.APIVersion = kind, apiVersion
	}
	if h.Kind == "" || h.Metadata.Name == "" {
		return fullObject{}, errNoObject
	}
	if h.Kind == "Secret" && h.APIVersion == "v1" {
		if raw, err = withoutValues(raw); err != nil {
			return fullObject{}, err
		}
	}
	o := fullObject{kind: r.names.Of(h.APIVersion, h.Kind, h.Metadata.Namespace), head: h, raw: raw}
	if o.kind.Kind == "Event" {
		if o.event, err = r.eventOf(o); err != nil {
			return fullObject{}, fmt.Errorf("event %s: %w", h.Metadata.Name, err)
		}
	}
	return o, nil
}
