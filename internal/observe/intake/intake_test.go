package intake

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

type list []record.Record

func (l *list) Append(r ...record.Record) error { *l = append(*l, r...); return nil }

var at = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

func pod(t time.Time, p record.Payload) record.Record {
	return record.Record{Time: t, Source: "api", Object: record.Ref{Kind: "Pod", Namespace: "shop", Name: "web", UID: "u"}, Payload: p}
}

func TestIntake(t *testing.T) {
	var kept, live list
	i, err := New(Options{Journal: &kept, Live: &live, Kept: at})
	if err != nil {
		t.Fatal(err)
	}
	given := []record.Record{
		pod(at.Add(time.Second), &record.State{Whole: []byte(`{"metadata":{"name":"web","managedFields":[1]},"status":{"phase":"Pending","reason":"a reason so long that a patch is shorter than the whole"}}`)}),
		pod(at.Add(2*time.Second), &record.State{Whole: []byte(`{"metadata":{"name":"web"},"status":{"phase":"Running","reason":"a reason so long that a patch is shorter than the whole"}}`)}),
		pod(at.Add(2*time.Second), &record.State{Whole: []byte(`{"metadata":{"name":"web"},"status":{"phase":"Running","reason":"a reason so long that a patch is shorter than the whole"}}`)}),
		pod(at, &record.Event{Reason: "before the start"}),
		pod(at, &record.Exit{Container: "before the start", Code: 1}),
		{Time: at, Source: "kernel", Object: record.Ref{Kind: "Node", Name: "late"}, Payload: &record.Exit{Signal: 6}},
		pod(at.Add(3*time.Second), &record.Event{Reason: "BackOff"}),
		pod(at.Add(4*time.Second), &record.State{Deleted: true}),
	}
	for n := range 30 {
		given = append(given, pod(at.Add(time.Duration(5+n)*time.Second), &record.Exit{Container: "app", Code: 1}))
	}
	for _, r := range given {
		if err := i.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	i.Run(ctx)
	if len(live) != len(given) {
		t.Errorf("the diagnosis got %d records of %d", len(live), len(given))
	}
	count := map[record.Type]int{}
	patches, thinned := 0, 0
	for _, r := range kept {
		count[r.Type()]++
		switch p := r.Payload.(type) {
		case *record.State:
			if p.Patch != nil {
				patches++
			}
		case *record.Summary:
			thinned += p.Count
		}
	}
	if count[record.TypeState] != 3 || patches != 1 || count[record.TypeEvent] != 1 || count[record.TypeExit]+thinned != 31 || thinned == 0 {
		t.Errorf("kept %v with %d patches and %d in summaries", count, patches, thinned)
	}
}

// full is a journal without room.
type full struct{}

var errFull = errors.New("no room")

func (full) Append(...record.Record) error { return errFull }

// What the journal does not take is said, so that who can gives it again: a core
// dump's report. What is summarised meanwhile is not lost, and no error.
func TestRefusedRecords(t *testing.T) {
	var live list
	i, err := New(Options{Journal: full{}, Live: &live})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		payload record.Payload
		want    error
	}{
		"a core dump": {&record.CoreDump{Signal: 6}, errFull},
		"a state":     {&record.State{Whole: []byte(`{"metadata":{"name":"web"}}`)}, errFull},
		"an event":    {&record.Event{Reason: "BackOff"}, nil},
	} {
		if err := i.Append(pod(at, c.payload)); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if len(live) != 3 {
		t.Errorf("the diagnosis got %d records of 3", len(live))
	}
}
