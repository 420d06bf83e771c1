package objects

import (
	"cmp"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// SourceEvents and SourceAPI are the sources of this package's records.
const (
	SourceAPI    = "api"
	SourceEvents = "events"
	SourceLogs   = "logs"
)

// eventRecord is an Event, as a record of the object that it is about.
func eventRecord(e *corev1.Event) record.Record {
	p := &record.Event{
		Kind: e.Type, Reason: e.Reason, Message: e.Message, FieldPath: e.InvolvedObject.FieldPath,
		Component: cmp.Or(e.Source.Component, e.ReportingController),
		Count:     max(int(e.Count), 1),
		First:     e.FirstTimestamp.UTC(), Last: e.LastTimestamp.UTC(),
	}
	if e.FirstTimestamp.IsZero() {
		p.First = e.EventTime.UTC()
	}
	if e.LastTimestamp.IsZero() {
		p.Last = p.First
	}
	if s := e.Series; s != nil {
		p.Count = max(p.Count, int(s.Count))
		if s.LastObservedTime.After(p.Last) {
			p.Last = s.LastObservedTime.UTC()
		}
	}
	if p.Last.IsZero() || p.Last.Year() <= 1 {
		p.First, p.Last = e.CreationTimestamp.UTC(), e.CreationTimestamp.UTC()
	}
	gv, _ := schema.ParseGroupVersion(e.InvolvedObject.APIVersion) // a wrong one is the core's
	i := e.InvolvedObject
	return record.Record{
		Time: p.Last, Source: SourceEvents, Node: e.Source.Host,
		Object:  record.Ref{Group: gv.Group, Kind: i.Kind, Namespace: i.Namespace, Name: i.Name, UID: string(i.UID)},
		Payload: p,
	}
}

// exitRecord is the end of a container's process, as its status has it.
func exitRecord(ref record.Ref, node, container string, t *corev1.ContainerStateTerminated, now time.Time) record.Record {
	at := t.FinishedAt.UTC()
	if t.FinishedAt.IsZero() {
		at = now
	}
	e := &record.Exit{Container: container, Code: int(t.ExitCode), Signal: int(t.Signal), Reason: t.Reason, Message: t.Message}
	if !t.StartedAt.IsZero() {
		e.Started = t.StartedAt.UTC()
	}
	return record.Record{Time: at, Source: SourceAPI, Object: ref, Node: node, Payload: e}
}
