package node

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/metrics"
)

// slowProbe is the mean from which on a probe that succeeds is told, since by
// default it has 1 s.
const slowProbe = 500 * time.Millisecond

// metrics records what the components' own metrics show of trouble, and how
// probes go.
func (n *observer) metrics(ctx context.Context) error {
	var before metrics.Snapshot
	told := map[string]time.Time{}
	probes := probeStates{}
	return every(ctx, metricsPeriod, func(now time.Time) error {
		snapshot, err := metrics.Take(n.Gatherers)
		if err != nil && len(snapshot) == 0 {
			return err
		}
		if before != nil {
			trouble := metrics.Trouble(before, snapshot, now)
			for key, p := range trouble {
				if now.Sub(told[key]) >= remind {
					told[key] = now
					n.component(now, p)
				}
			}
			for key := range told {
				if _, ok := trouble[key]; !ok {
					delete(told, key)
				}
			}
		}
		for id, p := range probes.take(now, metrics.Probes(before, snapshot)) {
			n.emit(record.Record{Time: now, Source: "kubelet", Object: id.Pod, Payload: p})
		}
		before = snapshot
		return nil
	})
}

// component is trouble of a component. etcd and the API server are the cluster's,
// not this node's.
func (n *observer) component(now time.Time, p record.Component) {
	r := record.Record{Time: now, Source: "metrics", Payload: &p}
	if p.Name == "kubelet" || p.Name == "containerd" {
		r.Object = n.ref()
		n.emit(r)
		return
	}
	r.Time = r.Time.UTC()
	_ = n.Append(r) // which counts what it refuses
}

// probeStates are how each probe went last.
type probeStates map[metrics.ProbeID]*probeState

type probeState struct {
	ok   bool
	told time.Time
	seen time.Time
}

// take gives the first result, each change, and each minute what fails or is slow.
func (s probeStates) take(now time.Time, counts map[metrics.ProbeID]metrics.ProbeCount) map[metrics.ProbeID]*record.Probe {
	news := map[metrics.ProbeID]*record.Probe{}
	for id, c := range counts {
		ok := c.Failed == 0
		last := s[id]
		if last == nil {
			last = &probeState{}
			s[id] = last
		}
		last.seen = now
		if last.told.IsZero() || last.ok != ok || (!ok || c.Took >= slowProbe) && now.Sub(last.told) >= remind {
			last.ok, last.told = ok, now
			p := &record.Probe{Container: id.Container, Kind: id.Kind, OK: ok, Took: c.Took}
			if !ok {
				p.Message = failures(c)
			}
			news[id] = p
		}
	}
	for id, last := range s {
		if now.Sub(last.seen) > time.Hour { // a probe's period may be long
			delete(s, id)
		}
	}
	return news
}

func failures(c metrics.ProbeCount) string {
	return fmt.Sprintf("%d of %d failed in %v", c.Failed, c.Failed+c.OK, metricsPeriod)
}
