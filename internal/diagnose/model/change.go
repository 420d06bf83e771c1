package model

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Change is one field that became another value.
type Change struct {
	Time     time.Time
	Path     string
	From, To string
	// By is who changed it, where that is known.
	By string
}

func (c Change) String() string {
	switch {
	case c.From == "":
		return fmt.Sprintf("%s was set to %s", c.Path, c.To)
	case c.To == "":
		return fmt.Sprintf("%s was removed (it was %s)", c.Path, c.From)
	}
	return fmt.Sprintf("%s went from %s to %s", c.Path, c.From, c.To)
}

// changing are the parts of an object that people and controllers decide on;
// status is what came of it.
var changing = []string{"spec", "data", "binaryData", "webhooks", "rules", "roleRef", "subjects", "secrets", "imagePullSecrets"}

// maxChanges is as many as are kept of one object; the oldest go first.
const maxChanges = 64

// changes lists in what two states differ.
func changes(before, after APIObject, at time.Time) []Change {
	a, b := objectTree(before), objectTree(after)
	var out []Change
	if n, ok := after.(*corev1.Node); ok {
		software(before, n, at, &out)
	}
	for _, part := range changing {
		compare(part, a[part], b[part], func(path, from, to string) {
			if len(out) < maxChanges {
				out = append(out, Change{Time: at, Path: path, From: from, To: to})
			}
		})
	}
	am, _ := a["metadata"].(map[string]any)
	bm, _ := b["metadata"].(map[string]any)
	compare("metadata.labels", am["labels"], bm["labels"], func(path, from, to string) {
		out = append(out, Change{Time: at, Path: path, From: from, To: to})
	})
	return out
}

// software compares what runs on a node.
func software(before APIObject, n *corev1.Node, at time.Time, out *[]Change) {
	if old, ok := before.(*corev1.Node); ok {
		compare("status.nodeInfo", tree(old.Status.NodeInfo), tree(n.Status.NodeInfo), func(path, from, to string) {
			if path != "status.nodeInfo.bootID" {
				*out = append(*out, Change{Time: at, Path: path, From: from, To: to})
			}
		})
	}
}

func tree(v any) map[string]any {
	data, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var t map[string]any
	_ = json.Unmarshal(data, &t) // it was marshalled just now
	return t
}

func compare(path string, a, b any, found func(path, from, to string)) {
	am, aok := a.(map[string]any)
	bm, bok := b.(map[string]any)
	if aok && bok {
		names := make([]string, 0, len(am)+len(bm))
		for k := range am {
			names = append(names, k)
		}
		for k := range bm {
			if _, ok := am[k]; !ok {
				names = append(names, k)
			}
		}
		slices.Sort(names)
		for _, k := range names {
			compare(path+"."+k, am[k], bm[k], found)
		}
		return
	}
	al, aok := a.([]any)
	bl, bok := b.([]any)
	if aok && bok {
		compareLists(path, al, bl, found)
		return
	}
	if from, to := short(a), short(b); from != to {
		found(path, from, to)
	}
}

// compareLists pairs the elements by name, if they have one, else by place.
func compareLists(path string, a, b []any, found func(path, from, to string)) {
	name := func(v any, i int) string {
		if m, ok := v.(map[string]any); ok {
			if n, ok := m["name"].(string); ok {
				return n
			}
		}
		return fmt.Sprint(i)
	}
	byName := map[string]any{}
	for i, v := range a {
		byName[name(v, i)] = v
	}
	for i, v := range b {
		n := name(v, i)
		compare(path+"["+n+"]", byName[n], v, found)
		delete(byName, n)
	}
	for i, v := range a {
		if n := name(v, i); byName[n] != nil {
			compare(path+"["+n+"]", v, nil, found)
		}
	}
}

// short is a value as people read it.
func short(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if v == "" {
			return `""` // not the same as none: labels are often so
		}
		return clip(v, 120)
	}
	data, _ := json.Marshal(v)
	return clip(string(data), 120)
}

func clip(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
