package heap

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// restore puts back what a test changes, which is the whole process's.
func restore(t *testing.T) {
	limit, percent := debug.SetMemoryLimit(-1), debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetMemoryLimit(limit); debug.SetGCPercent(percent) })
}

func percent() int {
	now := debug.SetGCPercent(100)
	debug.SetGCPercent(now)
	return now
}

func TestStartedUndoesStarting(t *testing.T) {
	restore(t)
	phase := Starting()
	if got := debug.SetMemoryLimit(-1); got != firstAt || percent() != -1 {
		t.Errorf("limit %d and percent %d during the start, want %d and -1", got, percent(), firstAt)
	}
	phase.Started()
	if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 || percent() != restPercent {
		t.Errorf("limit %d and percent %d after the start, want none and %d", got, percent(), restPercent)
	}
}

func TestLimitIsForOneCollection(t *testing.T) {
	restore(t)
	Starting()
	runtime.GC()
	// Cleanups run in a goroutine of the runtime's, soon.
	for deadline := time.Now().Add(10 * time.Second); percent() != startPercent; {
		if time.Now().After(deadline) {
			t.Fatalf("percent %d after a collection, want %d", percent(), startPercent)
		}
		time.Sleep(time.Millisecond)
	}
	if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
		t.Errorf("limit %d after a collection: a large cluster would only collect garbage", got)
	}
}

func TestEnvironmentDecides(t *testing.T) {
	restore(t)
	t.Setenv("GOGC", "77")
	debug.SetGCPercent(77)
	Starting().Started()
	if percent() != 77 {
		t.Errorf("percent %d, want the environment's 77", percent())
	}
}
