package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

func TestMain(m *testing.M) {
	if childWrites() {
		return
	}
	goleak.VerifyTestMain(m)
}

var begin = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// small makes segments of few records, so that tests have several.
var small = Options{SegmentRecords: 2000, FlushEvery: time.Millisecond, RetryEvery: 5 * time.Millisecond, MaxAge: -1}

func open(t *testing.T, dir string, opts Options) *Journal {
	t.Helper()
	j, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// fill writes n records of 50 pods of 10 Deployments on 5 nodes, some of them out
// of order, and waits until they are safe.
func fill(t *testing.T, j *Journal, n int) []record.Record {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var all []record.Record
	for i := range n {
		pod := rng.IntN(50)
		deploy := pod % 10
		at := begin.Add(time.Duration(i) * time.Second)
		if i%97 == 0 {
			at = at.Add(-time.Hour)
		}
		r := record.Record{
			Time: at, Source: "test", Node: fmt.Sprintf("n%d", pod%5),
			Object:  record.Ref{Kind: "Pod", Namespace: fmt.Sprintf("ns%d", deploy%2), Name: fmt.Sprintf("pod-%d", pod), UID: fmt.Sprint(pod)},
			Owners:  []record.Ref{{Group: "apps", Kind: "Deployment", Namespace: fmt.Sprintf("ns%d", deploy%2), Name: fmt.Sprintf("d%d", deploy)}},
			Payload: &record.Exit{Container: "c", Code: i},
		}
		if i%3 == 0 {
			r.Payload = &record.Event{Kind: "Warning", Reason: "BackOff", Count: i}
		}
		all = append(all, r)
		if len(all)%100 == 0 || i == n-1 {
			if err := j.Append(all[len(all)-1-(len(all)-1)%100:]...); err != nil {
				t.Fatal(err)
			}
		}
	}
	syncAll(t, j)
	return all
}

func syncAll(t *testing.T, j *Journal) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := j.Sync(ctx); err != nil {
		t.Fatal(err)
	}
}

func ask(t *testing.T, j *Journal, f Filter) []record.Record {
	t.Helper()
	var got []record.Record
	for r, err := range j.Query(t.Context(), f) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	return got
}

// want is what a filter should give of records.
func want(all []record.Record, f Filter) []record.Record {
	q := f.query()
	var out []record.Record
	for _, r := range all {
		if q.matches(&r) {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b record.Record) int { return a.Time.Compare(b.Time) })
	if f.Reverse {
		slices.Reverse(out)
	}
	if f.Limit > 0 {
		out = out[:min(f.Limit, len(out))]
	}
	return out
}

var filters = map[string]Filter{
	"all":             {},
	"object":          {Object: record.Ref{Kind: "Pod", Namespace: "ns1", Name: "pod-7"}},
	"object with UID": {Object: record.Ref{Kind: "Pod", Namespace: "ns1", Name: "pod-7", UID: "7"}},
	"another UID":     {Object: record.Ref{Kind: "Pod", Namespace: "ns1", Name: "pod-7", UID: "8"}},
	"no such object":  {Object: record.Ref{Kind: "Pod", Namespace: "ns1", Name: "pod-x"}},
	"owner alone":     {Object: record.Ref{Group: "apps", Kind: "Deployment", Namespace: "ns0", Name: "d4"}},
	"owned":           {Object: record.Ref{Group: "apps", Kind: "Deployment", Namespace: "ns0", Name: "d4"}, Owned: true},
	"node":            {Node: "n3"},
	"namespace":       {Namespace: "ns1", Limit: 1000},
	"type":            {Types: []record.Type{record.TypeEvent}},
	"absent type":     {Types: []record.Type{record.TypeState}},
	"time":            {From: begin.Add(30 * time.Minute), To: begin.Add(50 * time.Minute)},
	"newest":          {Limit: 7, Reverse: true},
	"object, newest":  {Object: record.Ref{Kind: "Pod", Namespace: "ns1", Name: "pod-7"}, Limit: 3, Reverse: true, To: begin.Add(time.Hour)},
}

func TestQuery(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, small)
	all := fill(t, j, 9321)
	check := func(when string, j *Journal) {
		t.Helper()
		for name, f := range filters {
			got, want := ask(t, j, f), want(all, f)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %s: got %d records, want %d", when, name, len(got), len(want))
			}
		}
	}
	check("as written", j)
	waitSegments(t, j, 4)
	if s := j.Stats(); s.Records != len(all) || s.Written != uint64(len(all)) || s.Bytes == 0 {
		t.Errorf("stats: %+v", s)
	}
	check("sealed", j)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	check("opened again", open(t, dir, small))
}

func waitSegments(t *testing.T, j *Journal, n int) {
	t.Helper()
	for range 1000 {
		if j.Stats().Segments >= n {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%d segments, want %d: %v", j.Stats().Segments, n, j.Health())
}

// Merged segments have the same records, also when the journal is opened after an
// end at which those that they were made of were still there.
func TestMerge(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, small)
	all := fill(t, j, 36000)
	for range 1000 {
		if j.Stats().Segments < mergeCount {
			if m, _ := filepath.Glob(filepath.Join(dir, "*"+mergedExt)); len(m) == 2 {
				break
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	check := func(when string, j *Journal) {
		t.Helper()
		for name, f := range filters {
			if got, want := ask(t, j, f), want(all, f); !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %s: got %d records, want %d", when, name, len(got), len(want))
			}
		}
	}
	if j.Stats().Segments >= mergeCount {
		t.Fatalf("nothing was merged: %+v, %v", j.Stats(), j.Health())
	}
	for _, s := range j.segments {
		if n := s.number - s.First + 1; n != 1 && n != mergeCount {
			t.Errorf("a segment was made of %d: large ones must not be merged again", n)
		}
	}
	check("merged", j)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "0000000000000003.seg")
	if err := os.WriteFile(left, []byte("left behind"), 0o600); err != nil {
		t.Fatal(err)
	}
	check("opened again", open(t, dir, small))
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Error("what is part of a merged segment was not removed")
	}
}

func TestQueryStopsEarly(t *testing.T) {
	j := open(t, t.TempDir(), small)
	fill(t, j, 5000)
	for range j.Query(t.Context(), Filter{}) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range j.Query(ctx, Filter{}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	}
}

func TestQueryWhileWriting(t *testing.T) {
	j := open(t, t.TempDir(), small)
	done := make(chan struct{})
	go func() {
		defer close(done)
		fill(t, j, 20000)
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		last := time.Time{}
		for _, r := range ask(t, j, Filter{Node: "n1"}) {
			if r.Time.Before(last) {
				t.Fatal("records are not in order of time")
			}
			last = r.Time
		}
	}
	if got := len(ask(t, j, Filter{})); got != 20000 {
		t.Errorf("%d records, want 20000", got)
	}
}

func TestOneOpener(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, small)
	if _, err := Open(dir, small); !errors.Is(err, ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, small)
	if err := j.Append(record.Record{}); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

func TestFollow(t *testing.T) {
	j := open(t, t.TempDir(), small)
	all := fill(t, j, 3000)
	f := Filter{Object: record.Ref{Kind: "Pod", Namespace: "ns1", Name: "pod-7"}, From: begin}
	past := len(want(all, f))
	f.Limit = past + 2
	got := 0
	for r, err := range j.Follow(t.Context(), f) {
		if err != nil {
			t.Fatal(err)
		}
		if got++; got >= past {
			r.Time = r.Time.Add(time.Second)
			if err := j.Append(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got != f.Limit {
		t.Errorf("followed %d records, want %d", got, f.Limit)
	}
}

func TestFollowEnds(t *testing.T) {
	j := open(t, t.TempDir(), small)
	ended := make(chan error)
	go func() {
		for _, err := range j.Follow(t.Context(), Filter{}) {
			ended <- err
		}
		close(ended)
	}()
	time.Sleep(10 * time.Millisecond)
	j.Close()
	for err := range ended {
		if !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
}

func TestFollowLags(t *testing.T) {
	j := open(t, t.TempDir(), small)
	lagged := false
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := j.Append(record.Record{Time: begin, Payload: &record.Listing{}}); err != nil {
		t.Fatal(err)
	}
	syncAll(t, j)
	first := true
	for _, err := range j.Follow(ctx, Filter{From: begin}) {
		if first {
			first = false
			for range 30 {
				fill(t, j, 1)
			}
		}
		if lagged = errors.Is(err, ErrLagging); lagged {
			break
		}
	}
	if !lagged {
		t.Error("the follower was not told what it missed")
	}
}

func TestExportAndImport(t *testing.T) {
	a, b := open(t, t.TempDir(), small), open(t, t.TempDir(), small)
	all := fill(t, a, 4000)
	var buf bytes.Buffer
	if n, err := a.Export(t.Context(), &buf, Filter{}); err != nil || n != len(all) {
		t.Fatalf("exported %d records, want %d: %v", n, len(all), err)
	}
	if done, err := b.Import(t.Context(), &buf); err != nil || done.Records != len(all) {
		t.Fatalf("imported %+v: %v", done, err)
	}
	if got := ask(t, b, Filter{}); !reflect.DeepEqual(got, want(all, Filter{})) {
		t.Error("what was imported is not what was exported")
	}
	plain := `{"time":"2026-11-24T10:42:00Z","type":"dream"}` + "\n\n" + `{"time":"2026-11-24T10:42:00Z","type":"listing","payload":{"count":1}}`
	if done, err := b.Import(t.Context(), bytes.NewBufferString(plain)); err != nil || done != (Imported{Records: 1, Unknown: 1}) {
		t.Errorf("imported %+v: %v", done, err)
	}
	if _, err := b.Import(t.Context(), bytes.NewBufferString("{")); err == nil {
		t.Error("what is no record was imported")
	}
}

func TestRetentionBySize(t *testing.T) {
	opts := small
	opts.MaxBytes = 100_000
	j := open(t, t.TempDir(), opts)
	all := fill(t, j, 30000)
	for range 1000 {
		if s := j.Stats(); s.Removed > 0 && s.Bytes < 2*opts.MaxBytes {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	got := ask(t, j, Filter{})
	if len(got) == 0 || len(got) == len(all) || !reflect.DeepEqual(got[len(got)-1], all[len(all)-1]) {
		t.Errorf("%d of %d records are left: want the newest ones; %+v", len(got), len(all), j.Stats())
	}
}

func TestRetentionByAge(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, small)
	fill(t, j, 9000)
	waitSegments(t, j, 4)
	j.Close()
	opts := small
	opts.MaxAge = time.Hour
	opts.Now = func() time.Time { return begin.Add(5000*time.Second + opts.MaxAge) }
	j = open(t, dir, opts)
	for range 1000 {
		if j.Stats().Removed > 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if got := ask(t, j, Filter{Limit: 1}); j.Stats().Segments == 0 || j.Stats().Removed == 0 || len(got) == 0 || got[0].Time.Before(begin.Add(400*time.Second)) {
		t.Errorf("oldest: %v; %+v", got, j.Stats())
	}
}
