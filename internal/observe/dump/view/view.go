// Package view holds an object as a text shows it: the typed object with what was
// printed, and the times that were printed as ages, which get their value once it
// is known when the text was printed.
package view

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

// View is one object in one text.
type View struct {
	Kind   resource.Kind
	Object resource.Object
	Detail record.Detail
	// Age is the object's age, if the text shows it.
	Age Age
	// Events are those that the text shows with the object.
	Events []Event
	later  []func(now time.Time)
}

// Event is an event whose times are ages.
type Event struct {
	About record.Ref
	Event record.Event
	Seen  Interval
	// Name is the Event object's own name, where it is known.
	Name string
}

// New is a view of an object that has nothing yet but its name.
func New(k resource.Kind, namespace, name string, d record.Detail) *View {
	v := &View{Kind: k, Object: k.New(), Detail: d}
	v.Object.SetName(name)
	if k.Namespaced {
		v.Object.SetNamespace(namespace)
	}
	return v
}

// Ref names the object.
func (v *View) Ref() record.Ref {
	r := v.Kind.Ref(v.Object.GetNamespace(), v.Object.GetName())
	r.UID = string(v.Object.GetUID())
	return r
}

// When calls set with the time of an age once it is known.
func (v *View) When(a Age, set func(metav1.Time)) {
	if !a.Known {
		return
	}
	v.later = append(v.later, func(now time.Time) { set(metav1.Time{Time: a.At(now).Truncate(time.Second)}) })
}

// Created sets the object's age.
func (v *View) Created(s string) {
	v.Age = ParseAge(s)
	v.When(v.Age, func(t metav1.Time) {
		if old := v.Object.GetCreationTimestamp(); old.IsZero() {
			v.Object.SetCreationTimestamp(t)
		}
	})
}

// Resolve gives all ages their times.
func (v *View) Resolve(now time.Time) {
	for _, f := range v.later {
		f(now)
	}
	v.later = nil
}

// Resolve gives the event its times.
func (e *Event) Resolve(now time.Time) {
	if e.Seen.Last.Known {
		e.Event.Last = e.Seen.Last.At(now).UTC().Truncate(time.Second)
	}
	if e.Seen.First.Known {
		e.Event.First = e.Seen.First.At(now).UTC().Truncate(time.Second)
	}
	if e.Seen.Count > 0 {
		e.Event.Count = e.Seen.Count
	}
}
