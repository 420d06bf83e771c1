package runtime

import (
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/layout"
)

func TestStoppedIsToldUntilItIsForgotten(t *testing.T) {
	r := &Runtime{paths: layout.For(t.TempDir())}
	stopped := func() (at time.Time) {
		t.Helper()
		s, err := r.Stopped()
		if err != nil {
			t.Fatal(err)
		}
		if s != nil {
			at = s.At
		}
		return at
	}
	first := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	if !stopped().IsZero() {
		t.Error("nothing was stopped yet")
	}
	for _, c := range []struct {
		what    string
		at, say time.Time
	}{
		{"the first", first, first},
		{"down once more, which ends what is left", first.Add(time.Minute), first},
		{"another one, after nobody has asked for the last", first.Add(time.Hour), first.Add(time.Hour)},
	} {
		if err := r.noteStopped(Stopped{At: c.at}); err != nil {
			t.Fatal(err)
		}
		if got := stopped(); !got.Equal(c.say) {
			t.Errorf("%s: stopped at %s, want %s", c.what, got, c.say)
		}
	}
	for range 2 {
		if err := r.ForgetStopped(); err != nil {
			t.Fatal(err)
		}
	}
	if !stopped().IsZero() {
		t.Error("it is told after it was forgotten")
	}
}
