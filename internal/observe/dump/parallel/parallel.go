// Package parallel does the same to many things on all cores.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Each calls f for 0 to n-1, on all cores, and waits for the last.
func Each(n int, f func(i int)) {
	var wg sync.WaitGroup
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			f(i)
		}
	}
	for range min(n, runtime.GOMAXPROCS(0)) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}

// Batches calls f for the parts of 0 to n-1, of at most size each, on all cores.
func Batches(n, size int, f func(from, to int)) {
	Each((n+size-1)/size, func(i int) { f(i*size, min(n, (i+1)*size)) })
}
