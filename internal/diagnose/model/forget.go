package model

import (
	"slices"
	"time"
)

// What is kept at most, so that memory stays flat whatever happens how often.
const (
	// MaxEach is for one object: its exits, core dumps and pulls. The first of them
	// stay, which say when it began, and the last.
	MaxEach, maxFirst = 64, 16
	// maxAll is for what is listed over all objects, maxEvents for Events, and
	// maxDeleted for objects that are gone.
	maxAll, maxEvents, maxDeleted = 16_384, 200_000, 20_000
)

// keepEnds leaves out from the middle what is too much.
func keepEnds[T any](l []T) []T {
	if len(l) <= MaxEach {
		return l
	}
	return slices.Delete(l, maxFirst, maxFirst+len(l)-MaxEach)
}

// keepLast leaves out the oldest of a long list, many at a time.
func keepLast[T any](l []T) []T {
	if len(l) <= 2*maxAll {
		return l
	}
	return slices.Clone(l[len(l)-maxAll:])
}

// Forget drops what happened before the given time, and what was deleted before it,
// but for what is needed: of an object that an incident is about, and of the pods
// of a workload that it is about, all is kept. What holds now, as the objects with
// their changes, stays in any case.
func (m *Model) Forget(before time.Time, needed func(Key) bool) {
	f := forgetting{m: m, before: before, needed: func(k Key) bool {
		p := m.Pod(k)
		return needed(k) || p != nil && needed(p.Workload.Key)
	}}
	f.objects()
	f.events()
	f.happened()
	f.measured()
}

type forgetting struct {
	m      *Model
	before time.Time
	needed func(Key) bool
	gone   map[Key]bool // the objects that are forgotten now
}

// cutoff is the time before which is dropped, so that no more than so many stay.
func (f *forgetting) cutoff(times []time.Time, most int) time.Time {
	if len(times) <= most {
		return f.before
	}
	slices.SortFunc(times, time.Time.Compare)
	return later(f.before, times[len(times)-most])
}

func (f *forgetting) objects() {
	f.gone = map[Key]bool{}
	var deleted []time.Time
	for _, o := range f.m.objects {
		if !o.Deleted.IsZero() {
			deleted = append(deleted, o.Deleted)
		}
	}
	before := f.cutoff(deleted, maxDeleted)
	for k, o := range f.m.objects {
		if !o.Deleted.IsZero() && o.Deleted.Before(before) && !f.needed(k) {
			delete(f.m.objects, k)
			f.gone[k] = true
		}
	}
	f.m.twins.forget(func(k Key) bool { return f.m.Get(k) == nil })
}

func (f *forgetting) events() {
	times := make([]time.Time, 0, f.m.eventCount)
	for _, of := range f.m.events {
		for _, e := range of.list {
			times = append(times, e.Last)
		}
	}
	before := f.cutoff(times, maxEvents)
	for k, of := range f.m.events {
		keep, all := f.needed(k), len(of.list)
		of.list = slices.DeleteFunc(of.list, func(e *Event) bool { return e.Last.Before(before) && (!keep || !e.Warning) })
		f.m.eventCount -= all - len(of.list)
		if len(of.list) == 0 {
			delete(f.m.events, k)
			f.m.eventOrder.drop()
			f.m.ghostly(k)
		}
	}
}

// old says whether what happened to an object then is to be dropped.
func (f *forgetting) old(k Key, at time.Time) bool { return at.Before(f.before) && !f.needed(k) }

func (f *forgetting) happened() {
	m := f.m
	m.oom = slices.DeleteFunc(m.oom, func(o OOM) bool { return f.old(o.Object, o.Time) })
	m.components = slices.DeleteFunc(m.components, func(c Component) bool { return f.old(c.Object, c.Time) })
	m.audits = slices.DeleteFunc(m.audits, func(a Audit) bool { return f.old(a.Object, a.Time) })
	m.Alerts = slices.DeleteFunc(m.Alerts, func(a Alert) bool { return !a.Ends.IsZero() && f.old(a.Object, a.Ends) })
	for k, l := range m.exits {
		m.exits[k] = slices.DeleteFunc(l, func(e Exit) bool { return f.old(k, e.Time) })
		if len(m.exits[k]) == 0 {
			delete(m.exits, k)
		}
	}
	for k, l := range m.cores {
		m.cores[k] = slices.DeleteFunc(l, func(c Core) bool { return f.old(k, c.Time) })
		if len(m.cores[k]) == 0 {
			delete(m.cores, k)
		}
	}
}

// measured drops what has no time of its own with its object.
func (f *forgetting) measured() {
	m := f.m
	gone := func(k Key, node string) bool {
		return f.gone[k] || f.gone[Key{Kind: KindNode, Name: node}] || k.Kind == KindPod && m.objects[k] == nil && m.Listed(k.Kind, k.Namespace)
	}
	for id := range m.usage {
		if gone(id.object, id.node) {
			delete(m.usage, id)
		}
	}
	for id := range m.throttled {
		if gone(id.object, id.node) {
			delete(m.throttled, id)
		}
	}
	for id := range m.pressure {
		if gone(id.object, id.node) {
			delete(m.pressure, id)
		}
	}
	for id := range m.growth {
		if gone(id.object, "") {
			delete(m.growth, id)
		}
	}
	for k := range m.pulls {
		if gone(k, "") {
			delete(m.pulls, k)
		}
	}
	for k := range m.probes {
		if gone(k, "") {
			delete(m.probes, k)
		}
	}
	for k := range m.logs {
		if gone(k, "") {
			delete(m.logs, k)
			m.idx = nil
		}
	}
	for node := range m.network {
		if gone(Key{}, node) {
			delete(m.network, node)
		}
	}
}
