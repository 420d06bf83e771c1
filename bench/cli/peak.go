package main

import (
	"os"
	"syscall"
)

// peakBytes is the largest resident memory that an ended process had; Linux
// counts it in KiB.
func peakBytes(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return usage.Maxrss << 10
}
