package node

import (
	"context"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/cgroupfs"
)

const (
	// throttled is the share of periods in which a container had to wait for its
	// quota that is told; the alert CPUThrottlingHigh of kubernetes-mixin has 25 %,
	// over a quarter of an hour.
	throttled = 0.10
	// pressed are the percentages of the last 10 s in which work waited that are
	// told: some of it for a processor, all of it for memory or disks. systemd-oomd
	// acts at 60 % for memory, the kubelet does not yet.
	pressedCPU    = 40
	pressedMemory = 10
	pressedIO     = 20
	// leastMemory is the change that is told without a limit.
	leastMemory = 64 << 20
	leastPIDs   = 100
)

// state is what is remembered of one container between samples.
type state struct {
	memory, pids, throttling gate
	pressures                map[string]*gate
	cpu                      cgroupfs.Throttling
	seen                     time.Time
}

// containers samples each container's cgroup.
func (n *observer) containers(ctx context.Context) error {
	tree, err := cgroupfs.Open(n.CgroupRoot)
	if err != nil {
		return err
	}
	states := map[string]*state{}
	return every(ctx, n.Period, func(now time.Time) error {
		return n.sampleContainers(ctx, tree, states, now)
	})
}

func (n *observer) sampleContainers(ctx context.Context, tree *cgroupfs.Tree, states map[string]*state, now time.Time) error {
	all, err := tree.Containers()
	if err != nil {
		return err
	}
	for _, c := range all {
		owner, ok := n.whose(ctx, c.Place)
		if !ok || owner.Sandbox {
			continue
		}
		s := states[c.ContainerID]
		sample := tree.Read(c)
		if s == nil {
			s = &state{pressures: map[string]*gate{}}
			states[c.ContainerID] = s
			if sample.CPU != nil {
				s.cpu = *sample.CPU
			}
		}
		s.seen = now
		for _, p := range s.take(now, owner.Name, sample) {
			n.measured(now, owner.Pod, p)
		}
	}
	for id, s := range states {
		if s.seen != now {
			delete(states, id)
		}
	}
	return nil
}

// take gives what a sample tells of new.
func (s *state) take(now time.Time, container string, sample cgroupfs.Sample) []record.Payload {
	var news []record.Payload
	if m := sample.Memory; m != nil && s.memory.usage(now, float64(m.Used), float64(m.Limit), leastMemory) {
		news = append(news, &record.Usage{Resource: "memory", Container: container, Used: float64(m.Used), Capacity: float64(m.Limit)})
	}
	if p := sample.PIDs; p != nil && s.pids.usage(now, float64(p.Used), float64(p.Limit), leastPIDs) {
		news = append(news, &record.Usage{Resource: "pids", Container: container, Used: float64(p.Used), Capacity: float64(p.Limit)})
	}
	if c := sample.CPU; c != nil {
		t := record.Throttling{Container: container, Periods: c.Periods - s.cpu.Periods, Throttled: c.Throttled - s.cpu.Throttled,
			Waited: time.Duration(c.WaitedNanos - s.cpu.WaitedNanos)}
		s.cpu = *c
		if t.Periods > 0 && s.throttling.above(now, float64(t.Throttled)/float64(t.Periods), throttled) {
			news = append(news, &t)
		}
	}
	return append(news, pressures(now, container, sample.Pressures, s.pressures)...)
}

// pressures gives those that rose, last or fell.
func pressures(now time.Time, container string, all map[string]cgroupfs.Pressure, gates map[string]*gate) []record.Payload {
	var news []record.Payload
	for _, resource := range []string{"cpu", "memory", "io"} {
		p, ok := all[resource]
		if !ok {
			continue
		}
		g := gates[resource]
		if g == nil {
			g = &gate{}
			gates[resource] = g
		}
		value, threshold := p.Some10, float64(pressedCPU)
		switch resource {
		case "memory":
			value, threshold = p.Full10, pressedMemory
		case "io":
			value, threshold = p.Full10, pressedIO
		}
		if g.above(now, value, threshold) {
			news = append(news, &record.Pressure{Resource: resource, Container: container, Some10: p.Some10, Some60: p.Some60, Full10: p.Full10, Full60: p.Full60})
		}
	}
	return news
}
