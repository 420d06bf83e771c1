package cluster

import (
	"context"
	"testing"
	"time"
)

// logLines is how much of each log a test that failed shows.
const logLines = 40

// For prepares a cluster that goes away with the test, and is shown if that failed.
// The test is skipped where none can run; limit bounds it, and its context.
func For(t *testing.T, limit time.Duration, o Options) (*Cluster, context.Context) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: a cluster takes seconds to start")
	}
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience(limit))
	t.Cleanup(cancel)
	c, err := New(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.RemoveWith(t) })
	return c, ctx
}

// RemoveWith removes the cluster at the end of a test; what failed shows its logs.
func (c *Cluster) RemoveWith(t *testing.T) {
	t.Helper()
	if t.Failed() {
		c.WriteLogs(t.Output(), logLines)
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience(time.Minute))
	defer cancel()
	if err := c.Remove(ctx); err != nil {
		t.Errorf("clean up: %v", err)
	}
}
