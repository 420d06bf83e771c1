package parallel

import (
	"sync/atomic"
	"testing"
)

func TestBatchesCoverEachOnce(t *testing.T) {
	for _, n := range []int{0, 1, 9, 10, 11, 1000} {
		seen := make([]atomic.Int32, n)
		Batches(n, 10, func(from, to int) {
			if to-from > 10 {
				t.Errorf("a batch of %d", to-from)
			}
			for i := from; i < to; i++ {
				seen[i].Add(1)
			}
		})
		for i := range seen {
			if seen[i].Load() != 1 {
				t.Errorf("%d of %d: %d times", i, n, seen[i].Load())
			}
		}
	}
}
