package model

import "encoding/json"

// mergePatch is an object with a merge patch (RFC 7396) applied, as JSON.
func mergePatch(value APIObject, patch []byte) []byte {
	var p any
	if json.Unmarshal(patch, &p) != nil {
		p = map[string]any{}
	}
	data, _ := json.Marshal(applied(objectTree(value), p)) // both come from JSON
	return data
}

// objectTree is an object's JSON as a tree.
func objectTree(value APIObject) map[string]any {
	if p, ok := value.(*PodState); ok {
		return tree(p.whole())
	}
	return tree(value)
}

func applied(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	t, ok := target.(map[string]any)
	if !ok {
		t = map[string]any{}
	}
	for k, v := range p {
		if v == nil {
			delete(t, k)
		} else {
			t[k] = applied(t[k], v)
		}
	}
	return t
}

// overlay is an object with what another shows of the same put over it.
func (m *Model) overlay(key Key, under, over APIObject) APIObject {
	t := objectTree(over)
	prune(t)
	data, _ := json.Marshal(applied(objectTree(under), t)) // both come from JSON
	v, err := m.decode(key, data)
	if err != nil {
		return over
	}
	return v
}

// prune takes out what is empty: in a partial view it is not known.
func prune(t map[string]any) {
	for k, v := range t {
		switch v := v.(type) {
		case nil:
			delete(t, k)
		case map[string]any:
			prune(v)
			if len(v) == 0 {
				delete(t, k)
			}
		case []any:
			if len(v) == 0 {
				delete(t, k)
			}
		case string:
			if v == "" {
				delete(t, k)
			}
		}
	}
}
