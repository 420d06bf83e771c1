package dump

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/apijson"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// seenEvent is an event about an object from one place in the dump.
type seenEvent struct {
	about  record.Ref
	event  record.Event
	source string
	name   string        // of the Event object, with its namespace
	unit   time.Duration // how exact its times are; 0 for whole objects
}

// eventOf reads an Event object, of the core or of events.k8s.io.
func (r reader) eventOf(o fullObject) (*seenEvent, error) {
	e := &seenEvent{name: o.head.Metadata.Namespace + "/" + o.head.Metadata.Name}
	if o.head.APIVersion != "v1" {
		var n eventsv1.Event
		if err := apijson.Unmarshal(o.raw, &n); err != nil {
			return nil, err
		}
		var last time.Time
		if n.Series != nil {
			last, e.event.Count = n.Series.LastObservedTime.Time, int(n.Series.Count)
		}
		e.fill(n.Regarding, n.Type, n.Reason, n.Note, n.ReportingController, n.DeprecatedSource.Component)
		e.times(n.EventTime.Time, n.DeprecatedFirstTimestamp.Time, n.DeprecatedLastTimestamp.Time, last, n.CreationTimestamp.Time)
		e.count(int(n.DeprecatedCount))
	} else {
		var n corev1.Event
		if err := apijson.Unmarshal(o.raw, &n); err != nil {
			return nil, err
		}
		var last time.Time
		if n.Series != nil {
			last, e.event.Count = n.Series.LastObservedTime.Time, int(n.Series.Count)
		}
		e.fill(n.InvolvedObject, n.Type, n.Reason, n.Message, n.ReportingController, n.Source.Component)
		e.times(n.EventTime.Time, n.FirstTimestamp.Time, n.LastTimestamp.Time, last, n.CreationTimestamp.Time)
		e.count(int(n.Count))
	}
	if k, ok := r.names.Find(e.about.Kind); ok && (e.about.Group == "" || k.Group == e.about.Group) {
		e.about.Group = k.Group
		if !k.Namespaced {
			e.about.Namespace = ""
		}
	}
	return e, nil
}

func (e *seenEvent) fill(o corev1.ObjectReference, kind, reason, message, controller, component string) {
	e.about = record.Ref{Group: groupOf(o.APIVersion), Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, UID: string(o.UID)}
	e.event.Kind, e.event.Reason, e.event.Message, e.event.FieldPath = kind, reason, message, o.FieldPath
	if e.event.Component = component; component == "" {
		e.event.Component = controller
	}
}

func (e *seenEvent) count(n int) {
	if n > e.event.Count {
		e.event.Count = n
	}
}

// times takes the first that is set of each.
func (e *seenEvent) times(event, first, last, series, created time.Time) {
	for _, t := range []time.Time{series, last, event, first, created} {
		if !t.IsZero() && e.event.Last.IsZero() {
			e.event.Last = t.UTC()
		}
	}
	for _, t := range []time.Time{first, event, created, last} {
		if !t.IsZero() && e.event.First.IsZero() {
			e.event.First = t.UTC()
		}
	}
}

// eventKey is what is the same in all views of one event.
type eventKey struct {
	about                 record.Ref
	kind, reason, message string
}

// distinct drops events that are seen in several places. Event objects are told
// apart by name; an event that is only in texts is taken from the text that shows
// it most often and most exactly.
func distinct(all []seenEvent) []seenEvent {
	at := make(map[eventKey]int, len(all)) // among groups
	groups := make([][]seenEvent, 0, len(all))
	for i, e := range all {
		k := eventKey{e.about.Key(), e.event.Kind, e.event.Reason, e.event.Message}
		if n, seen := at[k]; seen {
			groups[n] = append(groups[n], e)
			continue
		}
		at[k] = len(groups)
		groups = append(groups, all[i:i+1:i+1]) // most are seen once: no copy
	}
	out := make([]seenEvent, 0, len(groups))
	for _, g := range groups {
		out = append(out, distinctGroup(g)...)
	}
	return out
}

func distinctGroup(g []seenEvent) []seenEvent {
	if len(g) == 1 {
		return g
	}
	var whole []seenEvent
	names := map[string]bool{}
	bySource := map[string][]seenEvent{}
	var sources []string
	for _, e := range g {
		if e.unit == 0 && e.name != "" {
			if !names[e.name] {
				names[e.name] = true
				whole = append(whole, e)
			}
			continue
		}
		if _, ok := bySource[e.source]; !ok {
			sources = append(sources, e.source)
		}
		bySource[e.source] = append(bySource[e.source], e)
	}
	if len(whole) > 0 {
		return whole
	}
	best := bySource[sources[0]]
	for _, s := range sources[1:] {
		if c := bySource[s]; len(c) > len(best) || len(c) == len(best) && finer(c, best) {
			best = c
		}
	}
	for _, e := range g {
		for i := range best {
			best[i].complete(e)
		}
	}
	return best
}

func finer(a, b []seenEvent) bool {
	var ua, ub time.Duration
	for i := range a {
		ua, ub = ua+a[i].unit, ub+b[i].unit
	}
	return ua < ub
}

// complete takes from another view what this one does not show.
func (e *seenEvent) complete(o seenEvent) {
	if e.event.Component == "" {
		e.event.Component = o.event.Component
	}
	if e.event.FieldPath == "" {
		e.event.FieldPath = o.event.FieldPath
	}
	if e.event.First.IsZero() {
		e.event.First = o.event.First
	}
	if o.event.Count > e.event.Count {
		e.event.Count = o.event.Count
	}
}
