package history

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// maxValue is how long a ConfigMap's value is kept; of longer ones only their
// hash is, which tells that they changed.
const maxValue = 8 << 10

// cut says that a field is left out, and why.
type cut struct {
	kind string // empty for all
	path []string
	why  string
}

// cuts are the fields that change, or are large, without telling anything. "*"
// stands for each item of a list.
var cuts = []cut{
	{"", []string{"metadata", "managedFields"}, "who wrote which field; larger than the object"},
	{"", []string{"metadata", "resourceVersion"}, "changes with everything, says nothing"},
	{"", []string{"metadata", "selfLink"}, "no longer filled"},
	{"", []string{"metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"}, "the object again; of a Secret, its contents"},
	{"", []string{"metadata", "annotations", "control-plane.alpha.kubernetes.io/leader"}, "a heartbeat"},
	{"", []string{"metadata", "annotations", "endpoints.kubernetes.io/last-change-trigger-time"}, "a time stamp"},
	{"Node", []string{"status", "conditions", "*", "lastHeartbeatTime"}, "a heartbeat"},
	{"Node", []string{"status", "images"}, "a list of the node's images, up to 50"},
	{"Pod", []string{"status", "conditions", "*", "lastProbeTime"}, "a heartbeat"},
	{"Lease", []string{"spec", "renewTime"}, "a heartbeat"},
}

// ErrNotAnObject indicates a state that is not a JSON object.
var ErrNotAnObject = errors.New("state is not a JSON object")

// matter is what of a state is kept, as canonical JSON. Secrets' values are
// replaced by a hash with the key, or by nothing if there is no key.
func matter(ref record.Ref, state []byte, key []byte) ([]byte, error) {
	object, err := decode(state)
	if err != nil {
		return nil, err
	}
	for _, c := range cuts {
		if c.kind == "" || c.kind == ref.Kind {
			remove(object, c.path)
		}
	}
	if ref.Group == "" {
		switch ref.Kind {
		case "Secret":
			hideSecret(object, key)
		case "ConfigMap":
			shorten(object)
		}
	}
	dropNulls(object)
	return encode(object)
}

func decode(state []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(state))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotAnObject, err)
	}
	if object == nil {
		return nil, ErrNotAnObject
	}
	return object, nil
}

// encode writes JSON with sorted keys, so that equal objects are equal bytes.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func remove(v any, path []string) {
	switch v := v.(type) {
	case map[string]any:
		if len(path) == 1 {
			delete(v, path[0])
		} else if child, ok := v[path[0]]; ok {
			remove(child, path[1:])
			if m, ok := child.(map[string]any); ok && len(m) == 0 {
				delete(v, path[0])
			}
		}
	case []any:
		if path[0] == "*" && len(path) > 1 {
			for _, item := range v {
				remove(item, path[1:])
			}
		}
	}
}

// dropNulls removes fields that are null, which the API means by leaving them
// out: in a merge patch, null says that a field is removed.
func dropNulls(v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, child := range v {
			if child == nil {
				delete(v, k)
			} else {
				dropNulls(child)
			}
		}
	case []any:
		for _, child := range v {
			dropNulls(child)
		}
	}
}

// hideSecret leaves a Secret's keys and hides everything else that may have
// contents. The hash tells whether a value changed; without the key nobody can
// try passwords against it.
func hideSecret(object map[string]any, key []byte) {
	for _, field := range []string{"data", "stringData"} {
		values, ok := object[field].(map[string]any)
		if !ok {
			delete(object, field) // whatever it is
			continue
		}
		for _, k := range slices.Collect(maps.Keys(values)) {
			values[k] = hide(k, values[k], key)
		}
	}
	// Tools keep copies of contents in annotations.
	if m, ok := object["metadata"].(map[string]any); ok {
		if annotations, ok := m["annotations"].(map[string]any); ok {
			for _, k := range slices.Collect(maps.Keys(annotations)) {
				annotations[k] = hide(k, annotations[k], key)
			}
		}
	}
}

func hide(name string, value any, key []byte) string {
	if len(key) == 0 {
		return ""
	}
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%s\x00%v", name, value)
	// Valid base64, as a Secret's values are, so that typed readers accept it.
	return "hmac" + hex.EncodeToString(h.Sum(nil)[:8])
}

// shorten replaces a ConfigMap's long values by their hash and length.
func shorten(object map[string]any) {
	for _, field := range []string{"data", "binaryData"} {
		values, _ := object[field].(map[string]any)
		for k, v := range values {
			if s, ok := v.(string); ok && len(s) > maxValue {
				sum := sha256.Sum256([]byte(s))
				values[k] = fmt.Sprintf("sha256:%s (%d bytes)", hex.EncodeToString(sum[:8]), len(s))
			}
		}
	}
}
