// Package describe reads what `kubectl describe` prints, of one object or of
// several one after the other, back into typed objects.
//
// The text is read as a tree by its indent (tree.go); a file a group of kinds
// then takes from the tree what it knows. Only what the text shows is set.
package describe

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/parallel"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

// Scope is what is known of a text from the command that printed it.
type Scope struct {
	// Kind is zero if it is not known.
	Kind resource.Kind
	// Namespace is that of the command; kinds whose text has none get it.
	Namespace string
}

// Is tells whether a text starts as describe's output does.
func Is(text string) bool {
	line, rest, _ := strings.Cut(strings.TrimLeft(text, "\r\n"), "\n")
	return startsObject(line, strings.SplitN(rest, "\n", 8))
}

// Parse reads all objects of a text, on all cores. Failed are the numbers (from 0) of lines at
// which an object starts whose kind could not be told.
func Parse(text string, scope Scope, names *resource.Names) (views []*view.View, failed []int) {
	lines := strings.Split(text, "\n")
	starts := objectStarts(lines)
	all := make([]*view.View, len(starts))
	parallel.Batches(len(starts), 64, func(from, to int) {
		for i := from; i < to; i++ {
			end := len(lines)
			if i+1 < len(starts) {
				end = starts[i+1]
			}
			all[i] = parseOne(lines[starts[i]:end], scope, names)
		}
	})
	views = make([]*view.View, 0, len(all))
	for i, v := range all {
		if v != nil {
			views = append(views, v)
		} else {
			failed = append(failed, starts[i])
		}
	}
	return views, failed
}

func objectStarts(lines []string) []int {
	var starts []int
	secret := false
	for i := 0; i < len(lines); i++ {
		l := lines[i]
		secret = secret || strings.HasPrefix(l, "Type:")
		if strings.TrimRight(l, " \r") == "Data" && i+1 < len(lines) && strings.HasPrefix(lines[i+1], "====") && !secret {
			i = skipData(lines, i)
			continue
		}
		if !strings.HasPrefix(l, "Name:") {
			continue
		}
		if i > 0 && strings.TrimSpace(lines[i-1]) != "" {
			continue
		}
		if startsObject(l, lines[i+1:min(len(lines), i+9)]) {
			starts = append(starts, i)
			secret = false
		}
	}
	return starts
}

// skipData is the last line of a ConfigMap's data, which may hold a text that
// looks like an object's description.
func skipData(lines []string, at int) int {
	events := at
	for i := at; i < len(lines); i++ {
		if strings.TrimRight(lines[i], " \r") == "BinaryData" && i+1 < len(lines) && strings.HasPrefix(lines[i+1], "====") {
			return i
		}
		if events == at && strings.HasPrefix(lines[i], "Events:") {
			events = i
		}
	}
	// Before 1.23 there was no section of binary data.
	return events
}

// startsObject tells an object's first line: a name, and soon after it one of
// the keys that describe prints next for all kinds.
func startsObject(line string, next []string) bool {
	name, ok := strings.CutPrefix(line, "Name:")
	if !ok || !strings.HasPrefix(name, " ") || len(strings.Fields(name)) != 1 {
		return false
	}
	for _, l := range next {
		key, _, ok := strings.Cut(l, ":")
		switch key {
		case "Labels", "Namespace", "Annotations", "Roles", "IsDefaultClass", "Priority":
			return ok
		}
	}
	return false
}

func parseOne(lines []string, scope Scope, names *resource.Names) *view.View {
	body, events := splitEvents(lines)
	body, data := splitData(body)
	root := parseTree(body)
	kind := scope.Kind
	if kind.Kind == "" {
		kind = guess(root, data, names)
	}
	if kind.Kind == "" || root.get("Name") == "" {
		return nil
	}
	ns := root.get("Namespace")
	if view.None(ns) {
		ns = scope.Namespace
	}
	v := view.New(kind, ns, root.get("Name"), record.Described)
	meta(root, v.Object)
	if created, ok := view.Time(root.get("CreationTimestamp")); ok {
		v.Object.SetCreationTimestamp(created)
	} else if created, ok := view.Time(root.get("Created on")); ok {
		v.Object.SetCreationTimestamp(created)
	}
	fill(root, data, v)
	v.Events = parseEvents(events, v.Ref())
	return v
}

// splitEvents parts the section of events, which stands last and whose messages
// may look like anything.
func splitEvents(lines []string) (body, events []string) {
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.HasPrefix(lines[i], "Events:") {
			return lines[:i], lines[i+1:]
		}
	}
	return lines, nil
}

// splitData parts the section of data, whose text may look like anything.
func splitData(lines []string) (body, data []string) {
	for i := 0; i+1 < len(lines); i++ {
		if strings.TrimRight(lines[i], " \r") == "Data" && strings.HasPrefix(lines[i+1], "====") {
			return lines[:i], lines[i:]
		}
	}
	return lines, nil
}

// meta reads what all kinds have.
func meta(n *node, o metav1.Object) {
	if l := labels(n.kid("Labels")); l != nil {
		o.SetLabels(l)
	}
	if a := annotations(n.kid("Annotations")); a != nil {
		o.SetAnnotations(a)
	}
	if f := strings.Fields(strings.Trim(n.get("Finalizers"), "[]")); len(f) > 0 && !view.None(f[0]) {
		o.SetFinalizers(f)
	}
	if kind, name, ok := strings.Cut(view.Value(n.get("Controlled By")), "/"); ok {
		yes := true
		o.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: ownerVersion(kind), Kind: kind, Name: name, Controller: &yes}})
	}
}

// ownerVersion is the API version of the kinds that own others; the text has
// only the kind.
func ownerVersion(kind string) string {
	switch kind {
	case "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet":
		return "apps/v1"
	case "Job", "CronJob":
		return "batch/v1"
	case "Node", "ReplicationController", "Service", "Pod":
		return "v1"
	}
	return ""
}

func labels(n *node) map[string]string {
	var m map[string]string
	for _, l := range n.all() {
		k, v, ok := strings.Cut(strings.TrimSpace(l), "=")
		if !ok || strings.ContainsAny(k, " \t") {
			continue
		}
		if m == nil {
			m = map[string]string{}
		}
		m[k] = v
	}
	return m
}

// annotations reads "key: value" lines; a long value stands in lines of its own,
// indented by two.
func annotations(n *node) map[string]string {
	m := map[string]string{}
	last := ""
	for _, l := range n.all() {
		if strings.HasPrefix(l, "  ") && last != "" {
			if m[last] != "" {
				m[last] += "\n"
			}
			m[last] += strings.TrimPrefix(l, "  ")
			continue
		}
		k, v, ok := strings.Cut(l, ":")
		if !ok || strings.ContainsAny(k, " \t{") {
			continue
		}
		last = k
		m[k] = strings.TrimPrefix(v, " ")
	}
	if len(m) == 0 {
		return nil
	}
	return m
}
