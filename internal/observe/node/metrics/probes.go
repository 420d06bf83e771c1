package metrics

import (
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

const (
	probeTotal    = "prober_probe_total"
	probeDuration = "prober_probe_duration_seconds"
)

// ProbeID is one probe of one container.
type ProbeID struct {
	Pod             record.Ref
	Container, Kind string // startup, readiness or liveness
}

// ProbeCount is how it went between two snapshots.
type ProbeCount struct {
	OK, Failed int
	// Took is the mean of those that succeeded; 0 if that is not known.
	Took time.Duration
}

// Probes are those that ran between two snapshots.
func Probes(before, now Snapshot) map[ProbeID]ProbeCount {
	all := map[ProbeID]ProbeCount{}
	count := func(s Snapshot, sign int) {
		each(s[probeTotal], nil, func(m *dto.Metric) {
			id := probeOf(m)
			id.Pod.UID = labels(m)("pod_uid")
			c := all[id]
			switch n := sign * int(m.GetCounter().GetValue()); labels(m)("result") {
			case "successful":
				c.OK += n
			case "failed", "unknown":
				c.Failed += n
			}
			all[id] = c
		})
	}
	count(now, 1)
	count(before, -1)
	type sum struct {
		seconds float64
		count   int64
	}
	times := map[ProbeID]sum{} // of which the metric does not say the pod's UID
	add := func(s Snapshot, sign float64) {
		each(s[probeDuration], nil, func(m *dto.Metric) {
			t := times[probeOf(m)]
			t.seconds += sign * m.GetHistogram().GetSampleSum()
			t.count += int64(sign) * int64(m.GetHistogram().GetSampleCount())
			times[probeOf(m)] = t
		})
	}
	add(now, 1)
	add(before, -1)
	for id, c := range all {
		if c.OK < 0 || c.Failed < 0 || c.OK+c.Failed == 0 { // gone, or nothing new
			delete(all, id)
			continue
		}
		without := id
		without.Pod.UID = ""
		if t := times[without]; t.count > 0 && t.seconds >= 0 {
			c.Took = time.Duration(t.seconds / float64(t.count) * float64(time.Second))
			all[id] = c
		}
	}
	return all
}

func probeOf(m *dto.Metric) ProbeID {
	label := labels(m)
	return ProbeID{
		Pod:       record.Ref{Kind: "Pod", Namespace: label("namespace"), Name: label("pod")},
		Container: label("container"), Kind: strings.ToLower(label("probe_type")),
	}
}
