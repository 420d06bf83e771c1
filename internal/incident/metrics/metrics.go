// Package metrics has the figures of a controller of incidents. It stands apart so
// that who only asks what incidents there were needs no metrics.
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are what a controller counts.
type Metrics struct {
	open       prometheus.Gauge
	records    prometheus.Counter
	lost       prometheus.Counter
	evaluation prometheus.Histogram
	verdict    prometheus.Histogram
}

// New makes metrics that are all zero.
func New() *Metrics {
	return &Metrics{
		open:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "bulkhead_incidents_open", Help: "Incidents that are open now."}),
		records: prometheus.NewCounter(prometheus.CounterOpts{Name: "bulkhead_diagnosis_records_total", Help: "Records that the diagnosis was given."}),
		lost:    prometheus.NewCounter(prometheus.CounterOpts{Name: "bulkhead_diagnosis_records_lost_total", Help: "Records that the diagnosis had no room for."}),
		evaluation: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "bulkhead_diagnosis_evaluation_seconds", Help: "How long a verdict took.",
			Buckets: []float64{0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10}}),
		verdict: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "bulkhead_incident_verdict_seconds", Help: "From the beginning of the first cause to the opening of its incident.",
			Buckets: []float64{0.5, 1, 2, 3, 5, 10, 30, 60, 300}}),
	}
}

// Records counts records that came, and how many of them were lost.
func (m *Metrics) Records(n, lost int) {
	m.records.Add(float64(n))
	m.lost.Add(float64(lost))
}

// Evaluated notes how many incidents are open, and how long it took to find out.
func (m *Metrics) Evaluated(open int, took time.Duration) {
	m.open.Set(float64(open))
	m.evaluation.Observe(took.Seconds())
}

// Opened notes how long after the beginning of its first cause an incident was
// opened.
func (m *Metrics) Opened(after time.Duration) { m.verdict.Observe(after.Seconds()) }

// Collectors are the metrics, to be registered.
func (m *Metrics) Collectors() []prometheus.Collector {
	return []prometheus.Collector{m.open, m.records, m.lost, m.evaluation, m.verdict}
}
