package doctor

import (
	"context"
	"testing"
)

// BenchmarkPreflight is what every start of the daemon pays.
func BenchmarkPreflight(b *testing.B) {
	c := settings()
	c.DataDir = b.TempDir()
	for b.Loop() {
		_ = Preflight(context.Background(), c) // of any outcome: the time counts
	}
}
