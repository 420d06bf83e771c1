package dns

import (
	"testing"
	"time"
)

func TestFailuresAreWrittenOnceAMinute(t *testing.T) {
	f := &failures{}
	start := time.Unix(1e9, 0)
	for _, step := range []struct {
		after    time.Duration
		write    bool
		withheld int
	}{
		{0, true, 0}, {time.Second, false, 0}, {2 * time.Second, false, 0}, {failureInterval, true, 2}, {failureInterval + time.Second, false, 0},
	} {
		withheld, write := f.due(start.Add(step.after))
		if write != step.write || withheld != step.withheld {
			t.Errorf("after %s: due = %d, %v; want %d, %v", step.after, withheld, write, step.withheld, step.write)
		}
	}
}
