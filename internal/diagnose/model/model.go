package model

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Model is the cluster as recorded. It is not safe for use by several at once.
type Model struct {
	// Now is the time of the last record, or what the caller set it to.
	Now time.Time

	objects map[Key]*Object // also those that were deleted
	byKind  map[string]*ordered[*Object]

	listed map[listed]bool
	absent map[Key]string

	events     map[Key]*eventsOf
	eventOrder ordered[*eventsOf]
	eventCount int
	logs       map[Key]*Log
	Alerts     []Alert
	exits      map[Key][]Exit
	oom        []OOM
	cores      map[Key][]Core
	stops      map[string][]Stop // by node
	usage      map[usageID]record.Usage
	growth     map[containerID]*Growth
	throttled  map[usageID]record.Throttling
	pressure   map[usageID]record.Pressure
	components []Component
	network    map[string]*record.Network
	pulls      map[Key][]record.Pull
	probes     map[Key]*ProbeCount
	audits     []Audit
	latest     time.Time

	// twins has a pod of each owner: pods made from one template are alike, and
	// share what they have in common. same has what is short and comes often, said
	// the messages of Events, amounts what containers ask for.
	twins      twins
	same, said *interned
	amounts    *amounts

	idx *index
}

type listed struct{ kind, namespace, selector string }

// New is a model of which nothing is known.
func New() *Model {
	return &Model{
		objects: map[Key]*Object{}, byKind: map[string]*ordered[*Object]{}, same: newInterned(maxSame), said: newInterned(maxSaid), amounts: newAmounts(),
		listed: map[listed]bool{}, absent: map[Key]string{},
		events: map[Key]*eventsOf{}, logs: map[Key]*Log{},
		exits: map[Key][]Exit{}, cores: map[Key][]Core{}, stops: map[string][]Stop{},
		usage: map[usageID]record.Usage{}, throttled: map[usageID]record.Throttling{}, pressure: map[usageID]record.Pressure{},
		network: map[string]*record.Network{}, twins: newTwins(), growth: map[containerID]*Growth{}, pulls: map[Key][]record.Pull{}, probes: map[Key]*ProbeCount{},
	}
}

// Get is the object with the key, if it is known and not deleted.
func (m *Model) Get(k Key) *Object {
	if o := m.objects[k]; o != nil && o.Deleted.IsZero() {
		return o
	}
	return nil
}

// Value is the object with the key as its type; nil if it is not known.
func Value[T any](m *Model, k Key) *T {
	o := m.Get(k)
	if o == nil {
		return nil
	}
	v, _ := o.Value.(any).(*T)
	return v
}

// Absent says that the object is known not to be there: it was asked for and not
// found, or all of its kind were listed and it was not among them.
func (m *Model) Absent(k Key) bool {
	if o := m.objects[k]; o != nil {
		return !o.Deleted.IsZero()
	}
	if _, ok := m.absent[k]; ok {
		return true
	}
	return m.Listed(k.Kind, k.Namespace)
}

// Listed says that all objects of the kind in the namespace are known.
func (m *Model) Listed(kind, namespace string) bool {
	return m.listed[listed{kind: kind}] || m.listed[listed{kind: kind, namespace: namespace}]
}

// Add takes a record. A record that cannot be understood is passed over.
func (m *Model) Add(r record.Record) { m.add(m.prepare(r)) }

func (m *Model) add(r prepared) {
	if r.Time.After(m.latest) {
		m.latest = r.Time
		m.Now = r.Time
	}
	key := Of(r.Object)
	switch p := r.Payload.(type) {
	case *record.State:
		m.addState(r, key, p)
	case *record.Listing:
		m.listed[listed{key.Kind, key.Namespace, p.Selector}] = true
		m.idx = nil // what only Events tell of is not there
	case *record.Absence:
		m.absent[key] = p.Message
		m.idx = nil
	case *record.Event:
		m.addEvent(r.Record, key, p)
	case *record.Log:
		m.addLog(r, key, p)
	case *record.Alert:
		m.Alerts = keepLast(append(m.Alerts, newAlert(r.Record, key, p)))
	case *record.Summary:
		m.addSummary(r.Record, p)
	default:
		m.addSignal(r.Record, key)
	}
}

// addSummary counts what stands for many records as one of them.
func (m *Model) addSummary(r record.Record, p *record.Summary) {
	if p.Sample == nil {
		return
	}
	if e, ok := p.Sample.(*record.Event); ok {
		copied := *e
		copied.Count = max(copied.Count, p.Count)
		copied.First, copied.Last = p.First, p.Last
		r.Payload = &copied
		m.Add(r)
		return
	}
	r.Payload = p.Sample
	m.Add(r)
}

func (m *Model) addState(r prepared, key Key, s *record.State) {
	old := m.objects[key]
	if s.Deleted {
		if old != nil && !r.Time.Before(old.Seen) {
			old.Deleted = r.Time
			if of := m.byKind[key.Kind]; of != nil {
				of.drop()
			}
			m.unindex(key.Kind)
		}
		return
	}
	value, err, detail := r.value, r.err, s.Detail
	if detail == "" {
		detail = record.Full
	}
	if s.Patch != nil {
		if old == nil {
			return // a patch to what is not known says too little
		}
		value, err = m.decode(key, mergePatch(old.Value, s.Patch))
		detail = old.Detail
	}
	if err != nil {
		return
	}
	if old == nil || !old.Deleted.IsZero() {
		m.put(&Object{Key: key, Detail: detail, Value: value, First: r.Time, Seen: r.Time})
		return
	}
	m.replace(old, value, detail, r.Record)
}

func (m *Model) put(o *Object) {
	o.Key.Kind, o.Key.Namespace = m.same.of(o.Key.Kind), m.same.of(o.Key.Namespace)
	m.objects[o.Key] = o
	of := m.byKind[o.Key.Kind]
	if of == nil {
		of = &ordered[*Object]{}
		m.byKind[o.Key.Kind] = of
	}
	of.add(o)
	m.unindex(o.Key.Kind)
}

var rank = map[record.Detail]int{record.Columns: 0, record.Described: 1, record.Full: 2}

// volatile are kinds whose changes say nothing: they change all the time, or never.
var volatile = map[string]bool{KindPod: true, KindLease: true, KindEndpoints: true, KindSlice: true}

// replace takes a newer state, or one that shows more of the same state. Where
// the same thing was printed in several ways, what shows more goes over what
// shows less.
func (m *Model) replace(o *Object, value APIObject, detail record.Detail, r record.Record) {
	full := detail == record.Full && o.Detail == record.Full
	before := o.Value
	switch {
	case full && r.Time.Before(o.Seen):
		o.First = earlier(o.First, r.Time)
		return
	case full:
		if !volatile[o.Key.Kind] {
			o.Changes = append(o.Changes, changes(o.Value, value, r.Time)...)
			if n := len(o.Changes); n > maxChanges {
				o.Changes = o.Changes[n-maxChanges:]
			}
		}
		o.Value, o.Detail = value, detail
	case rank[detail] >= rank[o.Detail]:
		o.Value, o.Detail = m.overlay(o.Key, o.Value, value), detail
	default:
		o.Value = m.overlay(o.Key, value, o.Value)
	}
	o.Seen = later(o.Seen, r.Time)
	if full {
		m.replaced(o, before)
	} else {
		m.unindex(o.Key.Kind)
	}
}

// Pods is the number of pods that are known.
func (m *Model) Pods() []*Pod { return m.Index().pods }

// Nodes are the nodes that are known, by name.
func (m *Model) Nodes() []*corev1.Node { return m.Index().nodes }

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
