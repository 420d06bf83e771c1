package metrics

import (
	"fmt"
	"math"
	"sort"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Snapshot is the metrics at a time, by family; those only that rules look at.
type Snapshot map[string]*dto.MetricFamily

// Take gathers. What cannot be gathered is left out; the error says so.
func Take(gatherers []prometheus.Gatherer) (Snapshot, error) {
	families, err := prometheus.Gatherers(gatherers).Gather()
	s := Snapshot{}
	for _, f := range families {
		if wanted[f.GetName()] {
			s[f.GetName()] = f
		}
	}
	if err != nil {
		err = fmt.Errorf("gather metrics: %w", err)
	}
	return s, err
}

// match says whether a series counts.
type match func(label func(name string) string) bool

func labels(m *dto.Metric) func(string) string {
	return func(name string) string {
		for _, l := range m.Label {
			if l.GetName() == name {
				return l.GetValue()
			}
		}
		return ""
	}
}

func each(f *dto.MetricFamily, m match, visit func(*dto.Metric)) {
	for _, metric := range f.GetMetric() {
		if m == nil || m(labels(metric)) {
			visit(metric)
		}
	}
}

// gauge is the sum of a family's series; ok is false if it is not there.
func (s Snapshot) gauge(family string, m match) (value float64, ok bool) {
	each(s[family], m, func(metric *dto.Metric) {
		value += metric.GetGauge().GetValue()
		ok = true
	})
	return value, ok
}

// counter is the sum of a family's series.
func (s Snapshot) counter(family string, m match) (value float64) {
	each(s[family], m, func(metric *dto.Metric) { value += metric.GetCounter().GetValue() })
	return value
}

// growth is by how much counters grew; a restart counts from zero.
func growth(before, now Snapshot, family string, m match) float64 {
	from, to := before.counter(family, m), now.counter(family, m)
	if to < from {
		return to
	}
	return to - from
}

// quantile is that of what a histogram took up between two snapshots, and of how
// many observations.
func quantile(before, now Snapshot, family string, q float64, m match) (value float64, count uint64) {
	counts := map[float64]uint64{}
	total := uint64(0)
	add := func(s Snapshot, sign uint64) {
		each(s[family], m, func(metric *dto.Metric) {
			h := metric.GetHistogram()
			total += sign * h.GetSampleCount()
			for _, b := range h.GetBucket() {
				counts[b.GetUpperBound()] += sign * b.GetCumulativeCount()
			}
		})
	}
	add(now, 1)
	add(before, ^uint64(0)) // minus one
	if total == 0 || total > math.MaxInt64 {
		return 0, 0 // nothing, or it began anew
	}
	bounds := make([]float64, 0, len(counts))
	for bound := range counts {
		bounds = append(bounds, bound)
	}
	sort.Float64s(bounds)
	rank := q * float64(total)
	lowBound, lowCount := 0.0, 0.0
	for _, bound := range bounds {
		if count := float64(counts[bound]); count >= rank {
			if math.IsInf(bound, 1) || count == lowCount {
				return lowBound, total
			}
			return lowBound + (bound-lowBound)*(rank-lowCount)/(count-lowCount), total
		}
		lowBound, lowCount = bound, float64(counts[bound])
	}
	return lowBound, total // above the last bound
}
