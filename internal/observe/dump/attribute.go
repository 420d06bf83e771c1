package dump

import (
	"slices"
	"sort"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/table"
)

// emitLogs attributes logs to the objects that they are named after.
func (a *assembler) emitLogs() {
	if !slices.ContainsFunc(a.finds, func(f *find) bool { return len(f.logs) > 0 }) {
		return
	}
	index := a.newLogIndex()
	for _, f := range a.finds {
		for _, l := range f.logs {
			object, ok := index.object(l)
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

// logIndex finds objects by what logs are named after.
type logIndex struct {
	names  *resource.Names
	states map[record.Ref]*state
	// below has the pods of each workload, named the namespaces of each kind and
	// name, pods all pods by name.
	below map[record.Ref][]record.Ref
	named map[record.Ref][]string
	pods  []record.Ref
}

func (a *assembler) newLogIndex() logIndex {
	x := logIndex{names: a.names, states: a.states, below: map[record.Ref][]record.Ref{}, named: map[record.Ref][]string{}}
	add := func(ref record.Ref) {
		key := ref
		key.Namespace = ""
		if !slices.Contains(x.named[key], ref.Namespace) {
			x.named[key] = append(x.named[key], ref.Namespace)
		}
	}
	for _, ref := range a.order {
		add(ref)
		if ref.Kind != "Pod" {
			continue
		}
		x.pods = append(x.pods, ref)
		for _, own := range a.owners.above(ref) {
			own = own.Key()
			x.below[own] = append(x.below[own], ref)
			add(own)
		}
	}
	for _, namespaces := range x.named {
		sort.Strings(namespaces)
	}
	sort.Slice(x.pods, func(i, j int) bool { return x.pods[i].Name < x.pods[j].Name })
	return x
}

// object is the object that a log is of: the pod of that name, the only pod of
// the workload of that name, that workload, or the only pod that starts so.
func (x logIndex) object(l logFind) (record.Ref, bool) {
	if l.pod == "" {
		return record.Ref{}, false
	}
	kinds := []string{"Pod", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet", "Service"}
	namespace := l.namespace
	if k, ok := x.names.Find(l.kind); ok {
		kinds = []string{k.Kind}
		// The first part of kind/name is not a namespace.
		if namespace == l.kind {
			namespace = ""
		}
	}
	for _, kind := range kinds {
		k, _ := x.names.Find(kind)
		namespaces := []string{namespace}
		if namespace == "" {
			namespaces = x.named[k.Ref("", l.pod)]
		}
		for _, ns := range namespaces {
			if ref, ok := x.exact(k.Ref(ns, l.pod)); ok {
				return ref, true
			}
		}
	}
	if ref, ok := x.byPrefix(namespace, l.pod); ok {
		return ref, true
	}
	// The dump shows it nowhere else.
	if namespace != "" && (l.sure || l.container != "") {
		k, _ := x.names.Find(kinds[0])
		return k.Ref(namespace, l.pod), true
	}
	return record.Ref{}, false
}

func (x logIndex) exact(ref record.Ref) (record.Ref, bool) {
	s, shown := x.states[ref]
	switch p := x.below[ref]; {
	case len(p) == 1:
		return x.states[p[0]].ref, true
	case shown:
		return s.ref, true
	default:
		return ref, len(p) > 1
	}
}

// byPrefix is the only pod whose name starts so.
func (x logIndex) byPrefix(namespace, name string) (record.Ref, bool) {
	var found record.Ref
	n := 0
	from := sort.Search(len(x.pods), func(i int) bool { return x.pods[i].Name >= name+"-" })
	for _, ref := range x.pods[from:] {
		if !strings.HasPrefix(ref.Name, name+"-") {
			break
		}
		if namespace == "" || ref.Namespace == namespace {
			found = x.states[ref].ref
			n++
		}
	}
	return found, n == 1
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
