package stages

import (
	"context"
	"errors"
	"testing"
)

func TestWatchEmitsFinishedStagesOnce(t *testing.T) {
	tracker := New()
	endFirst := tracker.Begin("first")
	endSecond := tracker.BeginDetail("second")
	endSecond(errors.New("broken"))
	endFirst(nil)
	tracker.Begin("never ends")
	tracker.Done()

	var got []Stage
	if err := tracker.Watch(context.Background(), func(s Stage) error { got = append(got, s); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Name != "second" || got[1].Name != "first" {
		t.Fatalf("emitted %+v, want second then first", got)
	}
	if got[0].Error != "broken" || !got[0].Detail || got[1].Error != "" {
		t.Errorf("stages lost their error or detail: %+v", got)
	}
}

func TestWatchFollowsLiveAndEndsWithContext(t *testing.T) {
	tracker := New()
	ctx, cancel := context.WithCancel(context.Background())
	names := make(chan string, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- tracker.Watch(ctx, func(s Stage) error { names <- s.Name; return nil })
	}()
	tracker.Begin("late")(nil)
	if name := <-names; name != "late" {
		t.Errorf("emitted %q, want late", name)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch returned %v, want context.Canceled", err)
	}
}

func TestNilTrackerIsUsable(t *testing.T) {
	var tracker *Tracker
	tracker.Begin("x")(nil)
	tracker.Done()
	if got := tracker.List(); got != nil {
		t.Errorf("List of a nil tracker = %v", got)
	}
}
