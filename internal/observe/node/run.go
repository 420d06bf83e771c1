package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/pods"
)

const (
	// A source that has failed is tried again after so long, doubled each time.
	firstRetry = 10 * time.Second
	lastRetry  = 10 * time.Minute
)

// source is one thing that is observed, until ctx ends.
type source struct {
	name string
	run  func(context.Context) error
}

// Run observes the node until ctx ends, and then returns nil. An error means that
// nothing was observed at all.
func Run(ctx context.Context, o Options) error {
	if err := o.complete(); err != nil {
		return err
	}
	n := &observer{Options: o}
	var runtime *pods.CRI
	if o.RuntimeEndpoint != "" {
		var err error
		if runtime, err = pods.Dial(o.RuntimeEndpoint); err != nil {
			return err
		}
		defer runtime.Close()
		n.tracker = pods.New(runtime)
	}
	var running sync.WaitGroup
	defer running.Wait()
	for _, s := range n.sources(runtime) {
		running.Go(func() { n.keep(ctx, s) })
	}
	return nil
}

func (n *observer) sources(runtime *pods.CRI) []source {
	all := []source{
		{"exits", n.exits},
		{"oom", n.oom},
		{"containers", n.containers},
		{"node", n.machine},
		{"network", n.network},
		{"disk", func(ctx context.Context) error { return n.disk(ctx, runtime) }},
	}
	if runtime != nil {
		all = append(all,
			source{"pods", func(ctx context.Context) error {
				return n.tracker.Run(ctx, func(err error) { n.Log.Warn("containers are not known by name", "err", err) })
			}},
			source{"runtime", func(ctx context.Context) error { return n.runtime(ctx, runtime) }})
	}
	if n.CoreDir != "" {
		all = append(all, source{"cores", n.cores})
		if runtime != nil {
			all = append(all, source{"core owners", n.coreOwners})
		}
	}
	if len(n.Gatherers) > 0 {
		all = append(all, source{"metrics", n.metrics})
	}
	return all
}

// keep runs a source again and again until ctx ends.
func (n *observer) keep(ctx context.Context, s source) {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		began := time.Now()
		err := s.run(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = fmt.Errorf("it has ended")
		}
		n.Log.Warn("a source of observations has failed", "source", s.name, "err", err, "retry", wait)
		n.emit(record.Record{Time: time.Now(), Source: "node", Object: n.ref(), Payload: &record.Component{
			Name: "observe/" + s.name, Problem: "down", Message: err.Error(),
		}})
		if time.Since(began) > lastRetry {
			wait = firstRetry
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// every calls f now and then each period, until ctx ends.
func every(ctx context.Context, period time.Duration, f func(now time.Time) error) error {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for now := time.Now(); ; {
		if err := f(now); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now = <-tick.C:
		}
	}
}
