package cluster

import (
	"os"
	"strconv"
	"time"
)

// Patience is limit on a machine that has other things to do: it is multiplied
// by BULKHEAD_TEST_PATIENCE, if that is set. Nothing waits longer for it where
// all goes well.
func Patience(limit time.Duration) time.Duration {
	factor, err := strconv.ParseFloat(os.Getenv("BULKHEAD_TEST_PATIENCE"), 64)
	if err != nil || factor <= 0 {
		return limit
	}
	return time.Duration(float64(limit) * factor)
}
