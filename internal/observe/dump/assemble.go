package dump

import (
	"sort"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/parallel"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

// assembler makes records of all finds together.
type assembler struct {
	names  *resource.Names
	finds  []*find
	report *Report

	where  *places // nil until it is asked for
	states map[record.Ref]*state
	order  []record.Ref
	events []seenEvent
	owners ownership
	out    []record.Record
}

func (a *assembler) run() []record.Record {
	a.states = map[record.Ref]*state{}
	a.currentNamespace()
	a.collect()
	a.setClock()
	a.resolve()
	a.owners = newOwnership(a.states)
	a.emitStates()
	a.emitEvents()
	a.emitLists()
	a.emitLogs()
	a.emitRest()
	a.emitRecords()
	sort.SliceStable(a.out, func(i, j int) bool { return a.out[i].Time.Before(a.out[j].Time) })
	a.count()
	return a.out
}

func (a *assembler) damage(piece string, err error) {
	a.report.Damage = append(a.report.Damage, Damage{Piece: piece, What: err.Error()})
}

// currentNamespace finds the namespace of commands that name none: the one that
// a description printed by such a command shows, or the one that was chosen.
func (a *assembler) currentNamespace() {
	count := map[string]int{}
	chosen := ""
	needed := false
	for _, f := range a.finds {
		for i, l := range f.listings {
			needed = needed || l.here
			if l.kind.Kind == "" {
				chosen = l.namespace
				f.listings[i].source = ""
			}
		}
		for _, p := range f.prints {
			if p.cmd.verb == "" || p.cmd.namespace != "" || p.cmd.everywhere {
				continue
			}
			for _, v := range p.views {
				if v.Kind.Namespaced && v.Object.GetNamespace() != "" {
					count[v.Object.GetNamespace()]++
				}
				needed = needed || v.Kind.Namespaced && v.Object.GetNamespace() == ""
			}
			needed = needed || len(p.events) > 0
		}
		needed = needed || len(f.absences) > 0
	}
	r := a.report
	for ns, n := range count {
		if n > count[r.Namespace] || n == count[r.Namespace] && ns < r.Namespace {
			r.Namespace = ns
		}
	}
	if chosen != "" {
		r.Namespace = chosen
	}
	if r.Namespace == "" && needed {
		r.Namespace, r.Assumed = "default", true
	}
}

// collect groups all views by object.
func (a *assembler) collect() {
	for _, f := range a.finds {
		for i := range f.full {
			o := &f.full[i]
			if o.kind.Kind == "Event" {
				o.event.source = f.piece
				a.events = append(a.events, *o.event)
				continue
			}
			ref := record.Ref{Group: o.kind.Group, Kind: o.kind.Kind, Namespace: o.head.Metadata.Namespace, Name: o.head.Metadata.Name}
			s := a.state(ref, f.piece)
			if s.full == nil || newestIn(o.raw).After(newestIn(s.full.raw)) {
				s.full, s.source = o, f.piece
			}
			s.ref.UID = s.full.head.Metadata.UID
		}
		for _, pr := range f.prints {
			for _, v := range pr.views {
				if v.Kind.Namespaced && v.Object.GetNamespace() == "" {
					v.Object.SetNamespace(a.places().of(v.Ref().Key(), a.current(pr)))
				}
				s := a.state(v.Ref().Key(), pr.source)
				s.views = append(s.views, v)
			}
		}
	}
}

func (a *assembler) state(ref record.Ref, source string) *state {
	s, ok := a.states[ref]
	if !ok {
		s = &state{ref: ref, source: source}
		a.states[ref] = s
		a.order = append(a.order, ref)
	}
	return s
}

func (a *assembler) setClock() {
	k := clock{created: map[record.Ref]time.Time{}, started: map[record.Ref]time.Time{}, running: map[record.Ref]time.Time{}, report: a.report}
	for ref, s := range a.states {
		if s.full != nil && !s.full.head.Metadata.CreationTimestamp.IsZero() {
			k.created[ref] = s.full.head.Metadata.CreationTimestamp
			continue
		}
		for _, v := range s.views {
			if t := v.Object.GetCreationTimestamp(); !t.IsZero() {
				k.created[ref] = t.Time
			}
			if p, ok := v.Object.(*corev1.Pod); ok && p.Status.StartTime != nil {
				k.started[ref] = p.Status.StartTime.Time
				if c := p.Status.ContainerStatuses; len(c) == 1 && c[0].State.Running != nil {
					k.running[ref] = c[0].State.Running.StartedAt.Time
				}
			}
		}
	}
	k.set(a.finds)
}

// resolve turns ages into times.
func (a *assembler) resolve() {
	for _, f := range a.finds {
		for _, p := range f.prints {
			for _, v := range p.views {
				if !p.now.IsZero() {
					v.Resolve(p.now)
				}
			}
			for _, e := range p.events {
				a.events = append(a.events, a.printed(p, e))
			}
		}
	}
}

func (a *assembler) printed(p *print, e view.Event) seenEvent {
	if !p.now.IsZero() {
		e.Resolve(p.now)
	}
	if k, ok := a.names.Find(e.About.Kind); (!ok || k.Namespaced) && e.About.Namespace == "" && !p.cmd.everywhere {
		e.About.Namespace = a.places().of(e.About.Key(), a.current(p))
	}
	return seenEvent{about: e.About, event: e.Event, source: p.source, name: e.Name, unit: max(e.Seen.Last.Unit, time.Millisecond)}
}

func (a *assembler) emitStates() {
	type made struct {
		r   record.Record
		err error
	}
	results := make([]made, len(a.order))
	parallel.Batches(len(a.order), 128, func(from, to int) {
		for i := from; i < to; i++ {
			s := a.states[a.order[i]]
			raw, detail, err := s.whole()
			results[i] = made{record.Record{Time: a.report.Time, Source: s.source, Object: s.ref, Owners: a.owners.above(s.ref.Key()),
				Node: a.owners.node[s.ref.Key()], Payload: &record.State{Whole: raw, Detail: detail}}, err}
		}
	})
	for _, m := range results {
		if m.err != nil {
			a.damage(m.r.Source, m.err)
			continue
		}
		a.out = append(a.out, m.r)
	}
}

func (a *assembler) emitEvents() {
	for _, e := range distinct(a.events) {
		key := e.about.Key()
		if s, ok := a.states[key]; ok && e.about.UID == "" {
			e.about.UID = s.ref.UID
		}
		event := e.event
		at := event.Last
		if at.IsZero() {
			at = a.report.Time
		}
		a.out = append(a.out, record.Record{Time: at, Source: e.source, Object: e.about, Owners: a.owners.above(key),
			Node: a.owners.node[key], Payload: &event})
	}
}

// emitLists keeps one listing of those that say the same.
func (a *assembler) emitLists() {
	type key struct {
		kind                record.Ref
		namespace, selector string
	}
	done := map[key]int{}
	for _, f := range a.finds {
		for _, l := range f.listings {
			if l.kind.Kind == "" {
				continue
			}
			if l.here {
				l.namespace = a.report.Namespace
			}
			k := key{l.kind.Ref("", ""), l.namespace, l.selector}
			if at, again := done[k]; again {
				p := a.out[at].Payload.(*record.Listing)
				p.Count = max(p.Count, l.count)
				continue
			}
			done[k] = len(a.out)
			a.out = append(a.out, record.Record{Time: a.report.Time, Source: l.source, Object: l.kind.Ref(l.namespace, ""),
				Payload: &record.Listing{Count: l.count, Selector: l.selector}})
		}
	}
}

func (a *assembler) emitRest() {
	absent := map[record.Ref]bool{}
	for _, f := range a.finds {
		for _, b := range f.absences {
			if b.here {
				b.object.Namespace = a.report.Namespace
			}
			// What is not there in one output and there in another came or went
			// while the dump was made: the state says more.
			if _, there := a.states[b.object]; there || absent[b.object] {
				continue
			}
			absent[b.object] = true
			a.out = append(a.out, record.Record{Time: a.report.Time, Source: b.source, Object: b.object, Payload: &record.Absence{Message: b.message}})
		}
		for _, al := range f.alerts {
			at := al.StartsAt
			if at.IsZero() {
				at = a.report.Time
			}
			a.out = append(a.out, record.Record{Time: at, Source: f.piece, Object: a.alertObject(al.Labels), Payload: &al})
		}
		a.out = append(a.out, f.audits...)
		for _, p := range f.prints {
			for _, u := range p.usage {
				a.emitUsage(p, u)
			}
		}
	}
}

// alertObject is the object that an alert's labels name, the smallest first.
func (a *assembler) alertObject(labels map[string]string) record.Ref {
	ns := labels["namespace"]
	for _, l := range []string{"pod", "deployment", "statefulset", "daemonset", "job_name", "persistentvolumeclaim", "horizontalpodautoscaler", "service", "node"} {
		if labels[l] == "" {
			continue
		}
		k, _ := a.names.Find(strings.TrimSuffix(l, "_name"))
		ref := k.Ref(ns, labels[l])
		if s, ok := a.states[ref]; ok {
			return s.ref
		}
	}
	return record.Ref{}
}

// count fills the report.
func (a *assembler) count() {
	r := a.report
	r.Kinds, r.Records, r.Forms = map[string]int{}, map[string]int{}, map[Form][]string{}
	for _, rec := range a.out {
		r.Records[string(rec.Type())]++
		if rec.Type() == record.TypeState {
			r.Kinds[rec.Object.Kind]++
		}
	}
	for _, f := range a.finds {
		r.Forms[f.form] = append(r.Forms[f.form], f.piece)
		r.Damage = append(r.Damage, f.damage...)
		r.Unread = append(r.Unread, f.unread...)
		r.Empty += f.empty
		r.Refused += f.refused
	}
	r.sort()
}
