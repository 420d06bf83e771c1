package journal

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// sink is an Appender that keeps what it is given, unless it is full.
type sink struct {
	got  []record.Record
	full bool
}

func (s *sink) Append(rs ...record.Record) error {
	if s.full {
		return ErrQueueFull
	}
	s.got = append(s.got, rs...)
	return nil
}

func event(at time.Time, reason string) record.Record {
	return record.Record{Time: at, Node: "n1", Object: record.Ref{Kind: "Pod", Name: "web"}, Payload: &record.Event{Reason: reason, Message: at.String()}}
}

func TestThinnerSummarises(t *testing.T) {
	now := begin
	next := &sink{}
	th := NewThinner(next, ThinnerOptions{Burst: 3, Window: 10 * time.Second, Now: func() time.Time { return now }})
	for i := range 100 {
		if err := th.Append(event(begin.Add(time.Duration(i)*time.Millisecond), "BackOff")); err != nil {
			t.Fatal(err)
		}
	}
	if err := th.Append(event(begin, "Started")); err != nil {
		t.Fatal(err)
	}
	if len(next.got) != 4 {
		t.Errorf("%d records were kept one by one, want 3 and 1", len(next.got))
	}
	now = now.Add(10 * time.Second)
	if err := th.Append(event(now, "BackOff")); err != nil {
		t.Fatal(err)
	}
	if len(next.got) != 6 {
		t.Fatalf("%d records, want the summary and the new window's first", len(next.got))
	}
	last := event(begin.Add(99*time.Millisecond), "BackOff")
	sum := last
	sum.Payload = &record.Summary{Of: record.TypeEvent, Count: 97, First: begin.Add(3 * time.Millisecond), Last: last.Time, Sample: last.Payload}
	if !reflect.DeepEqual(next.got[4], sum) {
		t.Errorf("got %+v, want %+v", next.got[4].Payload, sum.Payload)
	}
	if got := th.Stats(); got != (ThinnerStats{Kept: 5, Thinned: 97}) {
		t.Errorf("stats: %+v", got)
	}
}

func TestThinnerWithoutRoom(t *testing.T) {
	next := &sink{full: true}
	th := NewThinner(next, ThinnerOptions{})
	for i := range 5 {
		if err := th.Append(event(begin.Add(time.Duration(i)*time.Second), "BackOff")); err != nil {
			t.Fatal(err)
		}
	}
	state := record.Record{Time: begin, Object: record.Ref{Kind: "Pod", Name: "web"}, Payload: &record.State{Deleted: true}}
	if err := th.Append(state); !errors.Is(err, ErrQueueFull) {
		t.Errorf("a state that was lost: got %v, want ErrQueueFull", err)
	}
	th.Flush() // no room yet
	next.full = false
	th.Flush()
	if len(next.got) != 2 {
		t.Fatalf("got %+v, want the gap and one summary", next.got)
	}
	if gap := next.got[0].Payload.(*record.Component); gap.Name != Name || gap.Value != 1 {
		t.Errorf("got %+v, want a gap of 1", gap)
	}
	if s := next.got[1].Payload.(*record.Summary); s.Count != 5 {
		t.Errorf("got %+v, want a summary of 5", s)
	}
	if got := th.Stats(); got != (ThinnerStats{Thinned: 5, Lost: 1}) {
		t.Errorf("stats: %+v", got)
	}
}

func TestThinnerBoundsKeys(t *testing.T) {
	next := &sink{}
	th := NewThinner(next, ThinnerOptions{Keys: 2, Burst: 1})
	for _, reason := range []string{"a", "b", "c", "c", "c", "a"} {
		if err := th.Append(event(begin, reason)); err != nil {
			t.Fatal(err)
		}
	}
	if len(next.got) != 5 || len(th.likes) != 2 {
		t.Errorf("%d records, %d keys; want 5 and 2", len(next.got), len(th.likes))
	}
}
