// Package heap sets how eagerly this process collects garbage: hardly during
// the start, when nearly everything that is allocated stays, and eagerly after
// it, when the daemon is to be small and has time.
//
// Measured: docs/measurements.md, "Garbage collection". Its one rule: whoever
// sets GOGC or GOMEMLIMIT decides alone.
package heap

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
)

const (
	// firstAt is the size at which the start collects garbage for the first time.
	firstAt = 80 << 20
	// startPercent is by how much the heap may then grow before the next time.
	startPercent = 100
	// restPercent is the same after the start; Go's default is 100.
	restPercent = 40
)

// Phase is a start under way.
type Phase struct {
	mu   sync.Mutex // orders the end of the start and the first collection
	over bool
}

// Starting is called before anything else is done.
func Starting() *Phase {
	p := &Phase{}
	if setByEnvironment() {
		p.over = true
		return p
	}
	debug.SetMemoryLimit(firstAt)
	debug.SetGCPercent(-1)
	// A limit is right for one collection. If what is in use exceeded it, as
	// with much data, Go would do little else than to collect.
	runtime.AddCleanup(new(canary), (*Phase).first, p)
	return p
}

// canary is collected by the first collection. It has a size, and a pointer so
// that it does not share its memory with others.
type canary struct{ _ *int }

func (p *Phase) first() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		debug.SetGCPercent(startPercent)
		debug.SetMemoryLimit(math.MaxInt64)
	}
}

// Started ends the phase and gives back what the start has left over. It takes
// some ten milliseconds of processor time.
func (p *Phase) Started() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	p.over = true
	debug.SetGCPercent(restPercent)
	debug.SetMemoryLimit(math.MaxInt64)
	debug.FreeOSMemory()
}

func setByEnvironment() bool {
	_, percent := os.LookupEnv("GOGC")
	_, limit := os.LookupEnv("GOMEMLIMIT")
	return percent || limit
}
