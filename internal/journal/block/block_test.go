package block

import (
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

var at = time.Date(2026, 11, 24, 10, 42, 0, 5000, time.UTC)

var pod = record.Ref{Kind: "Pod", Namespace: "shop", Name: "web-1", UID: "u1"}

// payloads has a value in each field of several types, so that each kind of
// field is written once.
var payloads = []record.Payload{
	&record.Event{Kind: "Warning", Reason: "BackOff", Message: "again", Count: -3, First: at.Add(-time.Hour), Last: at},
	&record.Usage{Resource: "disk", Used: 0.1, Capacity: 1 << 40},
	&record.Usage{Resource: "cpu", Used: math.Inf(1)},
	&record.Probe{Kind: "liveness", OK: true, Took: 1500 * time.Microsecond},
	&record.Audit{Verb: "get", Latency: math.MaxInt64, Patch: []byte(`{"a":1}`)},
	&record.Log{Container: "web", Lines: []string{"one", "", "three"}},
	&record.Alert{Name: "Down", Labels: map[string]string{"a": "b", "": "x"}, StartsAt: at.Add(time.Nanosecond)},
	&record.State{Whole: []byte(`{"kind":"Pod"}`), Detail: record.Columns},
	&record.Summary{Of: record.TypeEvent, Count: 7, First: at, Last: at, Sample: &record.Event{Reason: "BackOff", Last: at}},
	&record.Listing{},
	&record.Exit{Code: 1, Started: at.Add(-time.Second)},
}

func records() []record.Record {
	var rs []record.Record
	for i, p := range payloads {
		r := record.Record{Time: at.Add(time.Duration(i) * time.Second), Source: "test", Object: pod, Payload: p}
		if i%2 == 0 {
			r.Node = "n1"
			r.Owners = []record.Ref{{Group: "apps", Kind: "ReplicaSet", Namespace: "shop", Name: "web"}}
		}
		rs = append(rs, r)
	}
	rs[1].Time = time.Time{}
	return rs
}

func build(t *testing.T, b *Builder, rs []record.Record) []byte {
	t.Helper()
	for _, r := range rs {
		if err := b.Add(&r); err != nil {
			t.Fatal(err)
		}
	}
	return b.Finish(nil)
}

func TestRoundTrip(t *testing.T) {
	var builder Builder
	for range 2 { // the builder is used again
		want := records()
		b, err := Parse(build(t, &builder, want))
		if err != nil {
			t.Fatal(err)
		}
		if b.Len() != len(want) {
			t.Fatalf("%d records, want %d", b.Len(), len(want))
		}
		for i := range want {
			got, err := b.Record(i)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want[i]) {
				t.Errorf("got %+v %+v\nwant %+v %+v", got, got.Payload, want[i], want[i].Payload)
			}
		}
	}
}

func TestColumns(t *testing.T) {
	var builder Builder
	b, err := Parse(build(t, &builder, records()))
	if err != nil {
		t.Fatal(err)
	}
	owner := record.Ref{Group: "apps", Kind: "ReplicaSet", Namespace: "shop", Name: "web", UID: "not known there"}
	other := pod
	other.UID = "u2"
	for name, c := range map[string]struct{ got, want bool }{
		"object":            {b.IsObject(0, pod), true},
		"object without ID": {b.IsObject(0, pod.Key()), true},
		"another object":    {b.IsObject(0, other), false},
		"owner":             {b.IsOwnedBy(0, owner), true},
		"no owner":          {b.IsOwnedBy(1, owner), false},
		"namespace":         {b.InNamespace(1, "shop"), true},
		"node":              {b.OnNode(1, "n1"), false},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %v", name, c.got)
		}
	}
}

func TestSeq(t *testing.T) {
	var builder Builder
	rs := records()[:3]
	for i, seq := range []int{7, 2, 100} {
		if err := builder.AddAt(&rs[i], seq); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range [][]int64{{7, 2, 100}, {0, 1, 2}} {
		b, err := Parse(builder.Finish(nil))
		if err != nil {
			t.Fatal(err)
		}
		for i, seq := range want {
			if b.Seq(i) != seq {
				t.Errorf("record %d came at %d, want %d", i, b.Seq(i), seq)
			}
		}
		for i := range rs {
			if err := builder.Add(&rs[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A block that another version wrote: a field that is not known here, one whose
// kind is another here, and a type that is not known.
func TestOtherVersion(t *testing.T) {
	var builder Builder
	builder.plans = map[reflect.Type]*plan{}
	p := newPlan(reflect.TypeFor[record.Event]())
	for i := range p.fields {
		switch p.fields[i].name {
		case "reason":
			p.fields[i].name = "motive"
		case "count":
			p.fields[i].kind = kindDuration
		}
	}
	builder.plans[reflect.TypeFor[record.Event]()] = p
	r := record.Record{Time: at, Object: pod, Payload: &record.Event{Kind: "Normal", Reason: "x", Message: "y", Count: 3}}
	dream := record.Record{Time: at, Payload: &dream{}}
	b, err := Parse(build(t, &builder, []record.Record{r, dream}))
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Record(0)
	if err != nil {
		t.Fatal(err)
	}
	if want := (&record.Event{Kind: "Normal", Message: "y"}); !reflect.DeepEqual(got.Payload, want) {
		t.Errorf("got %+v, want %+v", got.Payload, want)
	}
	if _, err := b.Record(1); !errors.Is(err, record.ErrUnknownType) {
		t.Errorf("got %v, want ErrUnknownType", err)
	}
}

type dream struct{}

func (*dream) Type() record.Type { return "dream" }

func TestNoPayload(t *testing.T) {
	var b Builder
	for _, p := range []record.Payload{nil, (*record.Event)(nil)} {
		if err := b.Add(&record.Record{Payload: p}); !errors.Is(err, ErrNoPayload) {
			t.Errorf("got %v, want ErrNoPayload", err)
		}
	}
}

func TestSpan(t *testing.T) {
	for _, want := range []int64{0, 1, -1, 1e3, -1e6, 7e9, math.MaxInt64, math.MinInt64, math.MaxInt64 - 7} {
		r := &reader{data: appendSpan(nil, want)}
		if got := r.span(); got != want || r.failed || len(r.data) != 0 {
			t.Errorf("got %d, want %d", got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	var b Builder
	for _, r := range records() {
		if err := b.Add(&r); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(b.Finish(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := Parse(raw)
		if err != nil {
			return
		}
		for i := range b.Len() {
			if r, err := b.Record(i); err == nil && r.Payload == nil {
				t.Fatal("a record without payload and error")
			}
		}
	})
}
