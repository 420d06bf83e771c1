package dump

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/apijson"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// unquote is the text of a JSON string, which is mostly long and has few escapes.
func unquote(s []byte) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return string(s)
	}
	body := s[1 : len(s)-1]
	at := bytes.IndexByte(body, '\\')
	if at < 0 {
		return string(body)
	}
	var out strings.Builder
	out.Grow(len(body))
	for at >= 0 && at+1 < len(body) {
		out.Write(body[:at])
		step := 2
		if i := strings.IndexByte(`nt"\/rbf`, body[at+1]); i >= 0 {
			out.WriteByte("\n\t\"\\/\r\b\f"[i])
		} else if r, ok := codeUnit(body[at:]); ok {
			out.WriteRune(r)
			step = 6
		} else {
			// Halves of characters and what is not valid are for the library.
			var text string
			if json.Unmarshal(s, &text) != nil {
				return string(body)
			}
			return text
		}
		body = body[at+step:]
		at = bytes.IndexByte(body, '\\')
	}
	out.Write(body)
	return out.String()
}

// codeUnit reads \u003c, where that is a whole character.
func codeUnit(b []byte) (rune, bool) {
	if len(b) < 6 || b[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(n), err == nil && !utf16.IsSurrogate(rune(n))
}

// head is what has to be known of an object to file it.
type head struct {
	APIVersion, Kind string
	Metadata         struct {
		Name, Namespace, UID string
		CreationTimestamp    time.Time
		OwnerReferences      []metav1.OwnerReference
	}
	node string
}

// readHead takes an object's head without decoding the rest.
func readHead(raw []byte) (h head, err error) {
	s := scanner{data: raw}
	err = s.object(func(key string) (bool, error) {
		switch key {
		case "apiVersion", "kind":
			v, err := s.value()
			if key == "kind" {
				h.Kind = unquote(v)
			} else {
				h.APIVersion = unquote(v)
			}
			return true, err
		case "metadata":
			return true, readMeta(&s, &h)
		case "spec":
			if s.pos < len(s.data) && s.data[s.pos] == '{' {
				return true, s.object(func(key string) (bool, error) {
					if key == "nodeName" {
						v, err := s.value()
						h.node = unquote(v)
						return true, err
					}
					return true, nil
				})
			}
		}
		return true, nil
	})
	return h, err
}

func readMeta(s *scanner, h *head) error {
	if s.pos >= len(s.data) || s.data[s.pos] != '{' {
		return nil
	}
	m := &h.Metadata
	return s.object(func(key string) (bool, error) {
		switch key {
		case "name", "namespace", "uid", "creationTimestamp", "ownerReferences":
		default:
			return true, nil
		}
		v, err := s.value()
		if err != nil {
			return false, err
		}
		switch key {
		case "name":
			m.Name = unquote(v)
		case "namespace":
			m.Namespace = unquote(v)
		case "uid":
			m.UID = unquote(v)
		case "creationTimestamp":
			m.CreationTimestamp, _ = time.Parse(time.RFC3339, unquote(v))
		case "ownerReferences":
			err = apijson.Unmarshal(v, &m.OwnerReferences)
		}
		return true, err
	})
}

// owner is the reference of the owner that controls the object.
func (h head) owner() record.Ref {
	for _, o := range h.Metadata.OwnerReferences {
		if o.Controller != nil && *o.Controller || len(h.Metadata.OwnerReferences) == 1 {
			return record.Ref{Group: groupOf(o.APIVersion), Kind: o.Kind, Namespace: h.Metadata.Namespace, Name: o.Name, UID: string(o.UID)}
		}
	}
	return record.Ref{}
}

func groupOf(apiVersion string) string {
	group, _, ok := strings.Cut(apiVersion, "/")
	if !ok {
		return ""
	}
	return group
}

// withType puts apiVersion and kind into an item of a typed list, which has them
// only once, at the list.
func withType(raw []byte, apiVersion, kind string) []byte {
	t, err := json.Marshal(struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}{apiVersion, kind})
	if err != nil {
		return raw
	}
	at := bytes.IndexByte(raw, '{') + 1
	rest := bytes.TrimLeft(raw[at:], " \t\r\n")
	t = t[:len(t)-1]
	if len(rest) > 0 && rest[0] != '}' {
		t = append(t, ',')
	}
	return append(t, rest...)
}

// withoutValues empties a Secret: its keys stay.
func withoutValues(raw []byte) ([]byte, error) {
	var o map[string]any
	if err := json.Unmarshal(raw, &o); err != nil {
		return nil, err
	}
	keys := map[string]any{}
	for _, field := range []string{"data", "stringData"} {
		if m, ok := o[field].(map[string]any); ok {
			for k := range m {
				keys[k] = ""
			}
		}
		delete(o, field)
	}
	if len(keys) > 0 {
		o["data"] = keys
	}
	if m, ok := o["metadata"].(map[string]any); ok {
		if a, ok := m["annotations"].(map[string]any); ok {
			delete(a, "kubectl.kubernetes.io/last-applied-configuration")
		}
	}
	return json.Marshal(o)
}
