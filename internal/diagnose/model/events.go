package model

import (
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Event is an event of the API, all its repetitions together.
type Event struct {
	Object    Key
	Warning   bool
	Reason    string
	Message   string
	Component string
	Count     int
	First     time.Time
	Last      time.Time
	Container string // of which the event is, if it is of one
}

// eventID tells apart what is not a repetition. The message is cut: what follows
// differs by a hash or a time.
type eventID struct{ reason, message string }

func (m *Model) addEvent(r record.Record, key Key, e *record.Event) {
	byID := m.events[key]
	if byID == nil {
		byID = map[eventID]*Event{}
		m.events[key] = byID
	}
	id := eventID{e.Reason, clip(e.Message, 160)}
	first, last := e.First, later(e.Last, e.First)
	if last.IsZero() {
		last = r.Time
	}
	if first.IsZero() {
		first = last
	}
	old := byID[id]
	if old == nil {
		byID[id] = &Event{
			Object: key, Warning: e.Kind == "Warning", Reason: e.Reason, Message: e.Message, Component: e.Component,
			Count: max(e.Count, 1), First: first, Last: last, Container: containerOf(e.FieldPath),
		}
		m.eventCount++
		return
	}
	// The same event, printed twice or counted on: the higher count has the lower.
	old.Count = max(old.Count, e.Count)
	old.First, old.Last = earlier(old.First, first), later(old.Last, last)
	if old.Component == "" {
		old.Component = e.Component
	}
	if old.Container == "" {
		old.Container = containerOf(e.FieldPath)
	}
}

// containerOf reads spec.containers{web}.
func containerOf(path string) string {
	_, rest, ok := strings.Cut(path, "{")
	if !ok {
		return ""
	}
	return strings.TrimSuffix(rest, "}")
}

// Events are those of an object, oldest first.
func (m *Model) Events(k Key) []*Event {
	byID := m.events[k]
	if len(byID) == 0 {
		return nil
	}
	out := make([]*Event, 0, len(byID))
	for _, e := range byID {
		out = append(out, e)
	}
	slices.SortFunc(out, compareEvents)
	return out
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

// EventObjects are the objects that have events, in the order of their keys.
func (m *Model) EventObjects() []Key { return m.Index().eventKeys }
