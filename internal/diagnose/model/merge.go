package model

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// mergePatch is an object with a merge patch (RFC 7396) applied, as JSON.
func mergePatch(value metav1.Object, patch []byte) []byte {
	var p any
	if json.Unmarshal(patch, &p) != nil {
		p = map[string]any{}
	}
	data, _ := json.Marshal(applied(tree(value), p)) // both come from JSON
	return data
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
func overlay(kind string, under, over metav1.Object) metav1.Object {
	t := tree(over)
	prune(t)
	data, _ := json.Marshal(applied(tree(under), t)) // both come from JSON
	v, err := decode(kind, data)
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
