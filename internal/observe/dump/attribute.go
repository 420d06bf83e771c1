package dump

import (
	"sort"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/table"
)

// emitLogs attributes logs to the objects that they are named after.
func (a *assembler) emitLogs() {
	index := a.podIndex()
	for _, f := range a.finds {
		for _, l := range f.logs {
			object, ok := a.logObject(l, index)
			if !ok && !l.sure {
				f.form = FormUnknown
				continue
			}
			at := newestLine(l.lines)
			if at.IsZero() {
				at = a.report.Time
			}
			rec := record.Record{Time: at, Source: l.source, Object: object, Owners: a.owners.above(object.Key()), Node: a.owners.node[object.Key()],
				Payload: &record.Log{Container: l.container, Previous: l.previous, Lines: l.lines}}
			if !ok && l.component != "" {
				rec.Source = l.component
			}
			a.out = append(a.out, rec)
		}
	}
}

// podIndex has the pods below each workload.
func (a *assembler) podIndex() map[record.Ref][]record.Ref {
	index := map[record.Ref][]record.Ref{}
	for _, ref := range a.order {
		if ref.Kind != "Pod" {
			continue
		}
		for _, own := range a.owners.above(ref) {
			index[own.Key()] = append(index[own.Key()], ref)
		}
	}
	return index
}

// logObject is the object that a log is of: the pod of that name, the only pod
// of the workload of that name, that workload, or the pods that start so.
func (a *assembler) logObject(l logFind, pods map[record.Ref][]record.Ref) (record.Ref, bool) {
	if l.pod == "" {
		return record.Ref{}, false
	}
	kinds := []string{"Pod", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet", "Service"}
	namespace := l.namespace
	if k, ok := a.names.Find(l.kind); ok {
		kinds = []string{k.Kind}
		// The first part of kind/name is not a namespace.
		if namespace == l.kind {
			namespace = ""
		}
	}
	for _, kind := range kinds {
		k, _ := a.names.Find(kind)
		for _, ns := range a.namespacesOf(namespace, k.Ref("", l.pod)) {
			ref := k.Ref(ns, l.pod)
			s, ok := a.states[ref]
			if !ok {
				continue
			}
			if p := pods[ref]; kind != "Pod" && len(p) == 1 {
				return a.states[p[0]].ref, true
			}
			return s.ref, true
		}
	}
	// A container's or pod's name that the dump shows nowhere else.
	if ref, ok := a.byPrefix(namespace, l.pod); ok {
		return ref, true
	}
	if namespace != "" && (l.sure || l.container != "") {
		k, _ := a.names.Find(kinds[0])
		return k.Ref(namespace, l.pod), true
	}
	return record.Ref{}, false
}

// namespacesOf are the namespaces to look for an object in.
func (a *assembler) namespacesOf(namespace string, ref record.Ref) []string {
	if namespace != "" {
		return []string{namespace}
	}
	var out []string
	for r := range a.states {
		if r.Kind == ref.Kind && r.Name == ref.Name {
			out = append(out, r.Namespace)
		}
	}
	sort.Strings(out)
	return out
}

// byPrefix is the only pod whose name starts so.
func (a *assembler) byPrefix(namespace, name string) (record.Ref, bool) {
	var found []record.Ref
	for _, ref := range a.order {
		if ref.Kind == "Pod" && strings.HasPrefix(ref.Name, name+"-") && (namespace == "" || ref.Namespace == namespace) {
			found = append(found, a.states[ref].ref)
		}
	}
	if len(found) == 1 {
		return found[0], true
	}
	return record.Ref{}, false
}

// emitUsage keeps what kubectl top shows.
func (a *assembler) emitUsage(p *print, u table.Usage) {
	if s, ok := a.states[u.Object]; ok {
		u.Object = s.ref
	}
	for _, x := range []struct {
		resource  string
		used, cap float64
	}{{"cpu", u.Cores, u.CoresOf}, {"memory", u.Bytes, u.BytesOf}} {
		a.out = append(a.out, record.Record{Time: p.now, Source: p.source, Object: u.Object, Owners: a.owners.above(u.Object.Key()), Node: a.owners.node[u.Object.Key()],
			Payload: &record.Usage{Resource: x.resource, Container: u.Container, Used: x.used, Capacity: x.cap}})
	}
}
