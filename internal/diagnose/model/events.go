package model

import (
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Event is an event of the API, all its repetitions together.
type Event struct {
	Warning   bool
	Reason    string
	Message   string
	Component string
	Count     int
	First     time.Time
	Last      time.Time
	Container string // of which the event is, if it is of one

	hash uint64 // of the message
}

// eventsOf are those of an object, in their order.
type eventsOf struct {
	key  Key
	list []*Event
}

// silent are normal events that say nothing of an object whose state is known: they
// are most of all events.
var silent = map[string]bool{"Pulling": true, "Pulled": true, "Created": true, "Started": true, "SuccessfulCreate": true, "SuccessfulDelete": true}

// sameBytes is how much of a message tells it apart: what follows differs by a hash
// or a time.
const sameBytes = 160

// repeats says that an event's reason and message are the same as others, with which
// it has the hash in common.
func (e *Event) repeats(hash uint64, reason, message string) bool {
	return e.hash == hash && e.Reason == reason && (e.Message == message || clip(e.Message, sameBytes) == clip(message, sameBytes))
}

// hashOf is equal for messages that are equal once they are clipped (FNV-1a).
func hashOf(message string) uint64 {
	h, n := uint64(14695981039346656037), 0
	for word := range strings.FieldsSeq(message) {
		for i := -1; i < len(word); i++ {
			c := byte(' ')
			if i >= 0 {
				c = word[i]
			} else if n == 0 {
				continue // no space before the first word
			}
			if n++; n > sameBytes {
				return h
			}
			h = (h ^ uint64(c)) * 1099511628211
		}
	}
	return h
}

func (m *Model) addEvent(r record.Record, key Key, e *record.Event) {
	first, last := e.First, later(e.Last, e.First)
	if last.IsZero() {
		last = r.Time
	}
	if first.IsZero() {
		first = last
	}
	if o := m.objects[key]; e.Kind != "Warning" && silent[e.Reason] && o.Whole() {
		return
	}
	of := m.events[key]
	if of == nil {
		key.Kind, key.Namespace = m.same.of(key.Kind), m.same.of(key.Namespace)
		of = &eventsOf{key: key}
		m.events[key] = of
		m.eventOrder.add(of)
	}
	known := of.list
	m.ghostly(key)
	hash := hashOf(e.Message)
	i := slices.IndexFunc(known, func(o *Event) bool { return o.repeats(hash, e.Reason, e.Message) })
	if i < 0 {
		m.eventCount++
		known = append(known, &Event{
			Warning: e.Kind == "Warning", Reason: m.same.of(e.Reason), Message: m.said.of(e.Message), Component: m.same.of(e.Component),
			Count: max(e.Count, 1), First: first, Last: last, Container: m.same.of(containerOf(e.FieldPath)), hash: hash,
		})
		of.list = known
		slices.SortFunc(known, compareEvents)
		return
	}
	// The same event, printed twice or counted on: the higher count has the lower.
	old := known[i]
	old.Count = max(old.Count, e.Count)
	old.First, old.Last = earlier(old.First, first), later(old.Last, last)
	if old.Component == "" {
		old.Component = e.Component
	}
	if old.Container == "" {
		old.Container = containerOf(e.FieldPath)
	}
	slices.SortFunc(known, compareEvents)
}

// containerOf reads spec.containers{web}.
func containerOf(path string) string {
	_, rest, ok := strings.Cut(path, "{")
	if !ok {
		return ""
	}
	return strings.TrimSuffix(rest, "}")
}

// Events are those of an object, oldest first. They are to be read.
func (m *Model) Events(k Key) []*Event {
	if of := m.events[k]; of != nil {
		return of.list
	}
	return nil
}

func compareEvents(a, b *Event) int {
	if c := a.First.Compare(b.First); c != 0 {
		return c
	}
	if c := strings.Compare(a.Reason, b.Reason); c != 0 {
		return c
	}
	return strings.Compare(a.Message, b.Message)
}

// EachEvents calls f for the events of each object that has some, in the order of
// the objects' keys.
func (m *Model) EachEvents(f func(k Key, events []*Event)) {
	compare := func(a, b *eventsOf) int { return a.key.Compare(b.key) }
	for _, of := range m.eventOrder.all(compare, func(of *eventsOf) bool { return len(of.list) > 0 }) {
		f(of.key, of.list)
	}
}
