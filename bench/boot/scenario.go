package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// sample holds the figures of one run of one side, by metric (metrics.go), and
// what only the JSON shows.
type sample struct {
	Side      string             `json:"side"`
	Scenario  string             `json:"scenario"`
	Round     int                `json:"round"`
	Figures   map[string]float64 `json:"figures"`
	Processes []process          `json:"processes,omitempty"`
	Restarts  int                `json:"restarts"`
}

// idle says how the resting cluster is measured.
type idle struct {
	settle time.Duration // after the first pod has answered
	window time.Duration
}

// start measures one start of a cluster until a pod that was created as early
// as possible answers. Metrics get the prefix.
func (s *sample) start(ctx context.Context, g *ground, sd side, prefix, pod string) (running, error) {
	before, err := cpuOf(g.name, g.podsCgroup())
	if err != nil {
		return nil, err
	}
	began := time.Now()
	cluster, err := sd.Start(g)
	if err != nil {
		return cluster, err
	}
	o := newObserver(g, sd, cluster)
	defer o.close()

	var apiReady, answered time.Duration
	var used cpuTime
	all, all2 := errgroup.WithContext(ctx)
	all.Go(func() error {
		err := o.apiReady(all2)
		apiReady = time.Since(began)
		return err
	})
	all.Go(func() error {
		client, err := o.client(all2)
		if err != nil {
			return err
		}
		serving := make(chan error, 1)
		go func() { serving <- o.serving(all2, client) }()
		if err := o.createPod(all2, client, pod); err != nil {
			return err
		}
		if _, err := o.podAnswers(all2, client, pod); err != nil {
			return err
		}
		answered = time.Since(began)
		if used, err = cpuOf(g.name, g.podsCgroup()); err != nil {
			return err
		}
		return <-serving
	})
	if err := all.Wait(); err != nil {
		return cluster, err
	}
	used = used.minus(before)
	s.Figures[prefix+"api-ready"] = apiReady.Seconds()
	s.Figures[prefix+"first-pod"] = answered.Seconds()
	s.Figures[prefix+"cpu"] = used.total()
	s.Figures[prefix+"cpu-user"] = used.User
	s.Figures[prefix+"cpu-system"] = used.System
	return cluster, nil
}

// boot is the main scenario: a cold start, the resting cluster, and a restart of
// the components on the same data while the containers go on.
func (s *sample) boot(ctx context.Context, g *ground, sd side, rest idle) error {
	cluster, err := s.start(ctx, g, sd, "cold-", "first")
	if cluster != nil {
		defer func() { _ = cluster.Stop(context.WithoutCancel(ctx)) }()
	}
	if err != nil {
		return fmt.Errorf("cold start: %w", err)
	}
	if rest.window > 0 {
		if err := s.rest(ctx, g, rest); err != nil {
			return err
		}
	}
	s.Restarts = cluster.Restarts()
	began := time.Now()
	if err := cluster.Stop(ctx); err != nil {
		return err
	}
	s.Figures["stop"] = time.Since(began).Seconds()

	again, err := s.start(ctx, g, sd, "warm-", "again")
	if again != nil {
		err = errors.Join(err, again.Stop(context.WithoutCancel(ctx)))
	}
	if err != nil {
		return fmt.Errorf("warm restart: %w", err)
	}
	return nil
}

// rest measures the cluster while nobody asks it for anything.
func (s *sample) rest(ctx context.Context, g *ground, r idle) error {
	if err := sleep(ctx, r.settle); err != nil {
		return err
	}
	components := func() []int {
		// Pods are not counted: they are the same on both sides. Bulkhead's
		// containerd is in a cgroup beside theirs.
		return append(processesBelow(cgroupDir(g.name)), processesBelow(cgroupDir(g.podsCgroup()+"/containerd"))...)
	}
	before, err := cpuOf(g.name, g.podsCgroup())
	if err != nil {
		return err
	}
	switches, began := wakeups(components()), time.Now()
	if err := sleep(ctx, r.window); err != nil {
		return err
	}
	after, err := cpuOf(g.name, g.podsCgroup())
	if err != nil {
		return err
	}
	window := time.Since(began).Seconds()
	s.Figures["idle-cpu"] = 100 * after.minus(before).total() / window
	s.Figures["idle-wakeups"] = float64(wakeups(components())-switches) / window

	s.Processes = inspect(components())
	var sum memory
	for _, p := range s.Processes {
		sum = sum.plus(p.memory)
	}
	s.Figures["idle-rss"] = float64(sum.RSS)
	s.Figures["idle-pss"] = float64(sum.PSS)
	s.Figures["idle-anon"] = float64(sum.PSSAnon)
	s.Figures["idle-processes"] = float64(len(s.Processes))
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
