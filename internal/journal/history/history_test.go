package history

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	begin = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	web   = record.Ref{Kind: "Pod", Namespace: "shop", Name: "web", UID: "u1"}
)

func minute(n int) time.Time { return begin.Add(time.Duration(n) * time.Minute) }

// kept is a journal in memory: as appender, and as querier through a real one.
type kept struct {
	records []record.Record
	full    bool
}

func (k *kept) Append(rs ...record.Record) error {
	if k.full {
		return journal.ErrQueueFull
	}
	k.records = append(k.records, rs...)
	return nil
}

func (k *kept) Query(ctx context.Context, f journal.Filter) iter.Seq2[record.Record, error] {
	return func(yield func(record.Record, error) bool) {
		for i := range k.records {
			if f.Reverse {
				i = len(k.records) - 1 - i
			}
			r := k.records[i]
			if r.Object.Key() != f.Object.Key() || (!f.From.IsZero() && r.Time.Before(f.From)) || (!f.To.IsZero() && r.Time.After(f.To)) {
				continue
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

func recorder(t *testing.T, to journal.Appender, opts Options) *Recorder {
	t.Helper()
	r, err := NewRecorder(to, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func see(t *testing.T, r *Recorder, at time.Time, ref record.Ref, state string) bool {
	t.Helper()
	o := Observation{Time: at, Source: "api", Object: ref}
	if state != "" {
		o.State = []byte(state)
	}
	recorded, err := r.Observe(o)
	if err != nil {
		t.Fatal(err)
	}
	return recorded
}

func pod(image, phase string) string {
	return fmt.Sprintf(`{"kind":"Pod","metadata":{"name":"web","resourceVersion":"%d","managedFields":[{}],"creationTimestamp":null},
		"spec":{"containers":[{"name":"app","image":%q},{"name":"log","image":"l"}],"nodeName":"n1","priority":1},"status":{"phase":%q}}`, rand.Int(), image, phase)
}

func TestAtAndChanges(t *testing.T) {
	k := &kept{}
	r := recorder(t, k, Options{})
	see(t, r, minute(1), web, pod("a:1", "Pending"))
	see(t, r, minute(2), web, pod("a:1", "Running"))
	if see(t, r, minute(3), web, pod("a:1", "Running")) {
		t.Error("a state was recorded although nothing that matters changed")
	}
	see(t, r, minute(4), web, pod("a:2", "Running"))
	see(t, r, minute(5), web, "")
	again := web
	again.UID = "u2"
	see(t, r, minute(6), again, pod("a:2", "Pending"))

	for n, want := range []string{"", "Pending", "Running", "Running", "Running", "", "Pending"} {
		v, ok, err := At(t.Context(), k, web.Key(), minute(n))
		if err != nil || ok != (want != "") || ok && !strings.Contains(string(v.State), want) {
			t.Errorf("minute %d: %s, %v, %v; want %q", n, v.State, ok, err, want)
		}
	}
	changes, err := Changes(t.Context(), k, web.Key(), minute(2), minute(9))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range changes {
		got = append(got, fmt.Sprint(c.Time.Minute(), c.Created, c.Deleted, c.Edits))
	}
	want := []string{
		`2 false false [status.phase: "Pending" -> "Running"]`,
		`4 false false [spec.containers[app].image: "a:1" -> "a:2"]`,
		`5 false true []`,
		`6 true false []`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if n := len(k.records); n != 5 {
		t.Errorf("%d records, want 5", n)
	}
}

// Any sequence of states comes back as it was seen, through a real journal.
func TestAnyStates(t *testing.T) {
	j, err := journal.Open(t.TempDir(), journal.Options{SegmentRecords: 64})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	r := recorder(t, j, Options{Patches: 5})
	rng := rand.New(rand.NewPCG(7, 7))
	var wants [][]byte
	for i := range 500 {
		state, err := encode(map[string]any{"kind": "Thing", "a": anything(rng, 3), "b": anything(rng, 3), "i": i / 2})
		if err != nil {
			t.Fatal(err)
		}
		see(t, r, minute(i), web, string(state))
		want, err := matter(web, state, nil)
		if err != nil {
			t.Fatal(err)
		}
		wants = append(wants, want)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := j.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	for i, want := range wants {
		v, ok, err := At(t.Context(), j, web, minute(i))
		if err != nil || !ok {
			t.Fatalf("minute %d: %v, %v", i, ok, err)
		}
		if edits, err := Diff(want, v.State); err != nil || len(edits) > 0 {
			t.Fatalf("minute %d: %v, %v", i, edits, err)
		}
	}
}

func anything(rng *rand.Rand, depth int) any {
	switch n := rng.IntN(8); {
	case n < 3 && depth > 0:
		m := map[string]any{}
		for range rng.IntN(4) {
			m[string(rune('a'+rng.IntN(5)))] = anything(rng, depth-1)
		}
		return m
	case n < 5 && depth > 0:
		list := []any{}
		for range rng.IntN(3) {
			list = append(list, anything(rng, depth-1))
		}
		return list
	case n == 5:
		return nil
	case n == 6:
		return rng.IntN(1 << 40)
	}
	return fmt.Sprint("<", rng.IntN(10), ">")
}

func TestWholeNowAndThen(t *testing.T) {
	k := &kept{}
	r := recorder(t, k, Options{Patches: 3, Every: time.Hour})
	for i := range 8 {
		see(t, r, minute(i), web, pod(fmt.Sprint("a:", i), "Running"))
	}
	see(t, r, minute(8+60), web, pod("a:7", "Running"))
	var got string
	for _, rec := range k.records {
		if rec.Payload.(*record.State).Whole != nil {
			got += "W"
		} else {
			got += "p"
		}
	}
	if want := "WpppWpppW"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLostStateIsNotABase(t *testing.T) {
	k := &kept{}
	r := recorder(t, k, Options{})
	see(t, r, minute(0), web, pod("a:1", "Pending"))
	k.full = true
	if _, err := r.Observe(Observation{Time: minute(1), Object: web, State: []byte(pod("a:2", "Pending"))}); !errors.Is(err, journal.ErrQueueFull) {
		t.Fatalf("got %v, want ErrQueueFull", err)
	}
	k.full = false
	see(t, r, minute(2), web, pod("a:2", "Running"))
	v, ok, err := At(t.Context(), k, web, minute(2))
	if err != nil || !ok || !strings.Contains(string(v.State), "a:2") {
		t.Errorf("got %s, %v, %v", v.State, ok, err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	k := &kept{}
	r := recorder(t, k, Options{MaxBytes: 5000})
	for i := range 100 {
		ref := web
		ref.Name = fmt.Sprint(i)
		see(t, r, minute(i), ref, pod("a", "Running"))
	}
	if r.states.bytes > 5000 || len(r.states.entries) == 0 {
		t.Errorf("%d bytes of %d states", r.states.bytes, len(r.states.entries))
	}
	ref := web
	ref.Name = "0"
	see(t, r, minute(200), ref, pod("b", "Running"))
	if k.records[len(k.records)-1].Payload.(*record.State).Whole == nil {
		t.Error("a forgotten object must be recorded whole")
	}
}

func TestNotWhole(t *testing.T) {
	k := &kept{records: []record.Record{{Time: minute(1), Object: web, Payload: &record.State{Patch: []byte(`{"a":1}`)}}}}
	if _, _, err := At(t.Context(), k, web, minute(2)); !errors.Is(err, ErrNotWhole) {
		t.Errorf("got %v, want ErrNotWhole", err)
	}
	changes, err := Changes(t.Context(), k, web, minute(0), minute(2))
	if err != nil || len(changes) != 1 || !changes[0].Unknown {
		t.Errorf("got %+v, %v", changes, err)
	}
}

func TestSecretsAreNotKept(t *testing.T) {
	secret := record.Ref{Kind: "Secret", Namespace: "shop", Name: "db"}
	state := `{"kind":"Secret","data":{"password":"aHVudGVyMg=="},"stringData":{"user":"hunter2"},
		"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"hunter2","tool/copy":"hunter2"}}}`
	for name, key := range map[string][]byte{"with a key": []byte("k"), "without a key": nil} {
		got, err := matter(secret, []byte(state), key)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{"hunter2", "aHVudGVyMg"} {
			if strings.Contains(string(got), s) {
				t.Errorf("%s: %s is kept: %s", name, s, got)
			}
		}
		if !strings.Contains(string(got), `"password"`) {
			t.Errorf("%s: the name of the key is lost: %s", name, got)
		}
		other, err := matter(secret, []byte(strings.Replace(state, "aHVudGVyMg==", "b3RoZXI=", 1)), key)
		if err != nil {
			t.Fatal(err)
		}
		if changed := string(other) != string(got); changed != (key != nil) {
			t.Errorf("%s: a changed value shows: %v", name, changed)
		}
	}
}

func TestMatter(t *testing.T) {
	long := strings.Repeat("x", maxValue+1)
	for name, c := range map[string]struct{ kind, state, want string }{
		"heartbeat":      {"Node", `{"status":{"conditions":[{"type":"Ready","lastHeartbeatTime":"t"}],"images":[1]}}`, `{"status":{"conditions":[{"type":"Ready"}]}}`},
		"lease":          {"Lease", `{"spec":{"holderIdentity":"a","renewTime":"t"}}`, `{"spec":{"holderIdentity":"a"}}`},
		"nulls":          {"Pod", `{"a":null,"b":[{"c":null}],"d":"<&>"}`, `{"b":[{}],"d":"<&>"}`},
		"long value":     {"ConfigMap", `{"data":{"k":"v","l":"` + long + `"}}`, `{"data":{"k":"v","l":"sha256:`},
		"large numbers":  {"Pod", `{"n":9007199254740993}`, `{"n":9007199254740993}`},
		"other's Secret": {"Secret", `{"data":"hunter2"}`, `{}`},
	} {
		got, err := matter(record.Ref{Kind: c.kind}, []byte(c.state), nil)
		if err != nil || !strings.HasPrefix(string(got), c.want) {
			t.Errorf("%s: got %s, %v; want %s", name, got, err, c.want)
		}
	}
	for _, state := range []string{"", "[]", "null", "{"} {
		if _, err := matter(web, []byte(state), nil); !errors.Is(err, ErrNotAnObject) {
			t.Errorf("%q: got %v, want ErrNotAnObject", state, err)
		}
	}
}

func FuzzDiff(f *testing.F) {
	f.Add([]byte(pod("a", "b")), []byte(pod("c", "d")))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if edits, err := Diff(a, a); err == nil && len(edits) > 0 {
			t.Fatalf("a state differs from itself: %v", edits)
		}
		Diff(a, b) // it must not panic
	})
}
