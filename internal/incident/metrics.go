package incident

import "github.com/prometheus/client_golang/prometheus"

// metrics are what a Controller counts.
type metrics struct {
	open       prometheus.Gauge
	records    prometheus.Counter
	lost       prometheus.Counter
	evaluation prometheus.Histogram
	verdict    prometheus.Histogram
}

func newMetrics() *metrics {
	return &metrics{
		open:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "bulkhead_incidents_open", Help: "Incidents that are open now."}),
		records: prometheus.NewCounter(prometheus.CounterOpts{Name: "bulkhead_diagnosis_records_total", Help: "Records that the diagnosis was given."}),
		lost:    prometheus.NewCounter(prometheus.CounterOpts{Name: "bulkhead_diagnosis_records_lost_total", Help: "Records that the diagnosis had no room for."}),
		evaluation: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "bulkhead_diagnosis_evaluation_seconds", Help: "How long a verdict took.",
			Buckets: []float64{0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10}}),
		verdict: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "bulkhead_incident_verdict_seconds", Help: "From the beginning of the first cause to the opening of its incident.",
			Buckets: []float64{0.5, 1, 2, 3, 5, 10, 30, 60, 300}}),
	}
}

// Collectors are the controller's metrics, to be registered.
func (c *Controller) Collectors() []prometheus.Collector {
	m := c.metrics
	return []prometheus.Collector{m.open, m.records, m.lost, m.evaluation, m.verdict}
}
