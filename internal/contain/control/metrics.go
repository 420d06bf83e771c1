package control

import (
	"github.com/prometheus/client_golang/prometheus"
	apimeta "k8s.io/apimachinery/pkg/api/meta"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/contain"
)

// metrics are what a Controller counts.
type metrics struct {
	active, since  *prometheus.GaugeVec
	failing        prometheus.Gauge
	begun, ended   *prometheus.CounterVec
	view, decision prometheus.Histogram
}

func newMetrics() *metrics {
	seconds := []float64{0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3}
	return &metrics{
		active: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "bulkhead_brakes", Help: "Brakes that hold, or would in another mode."}, []string{"action", "mode"}),
		since: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "bulkhead_brake_since_timestamp_seconds", Help: "Since when each brake holds."},
			[]string{"brake", "action", "kind", "namespace", "name"}),
		failing:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "bulkhead_brakes_not_enforced", Help: "Brakes that hold and are not wholly carried out."}),
		begun:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "bulkhead_brakes_begun_total", Help: "Brakes that began."}, []string{"action", "mode"}),
		ended:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "bulkhead_brakes_ended_total", Help: "Brakes that ended, by why."}, []string{"action", "reason"}),
		view:     prometheus.NewHistogram(prometheus.HistogramOpts{Name: "bulkhead_containment_view_seconds", Help: "How long it took to see what runs where.", Buckets: seconds}),
		decision: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "bulkhead_containment_decision_seconds", Help: "How long a decision took.", Buckets: seconds}),
	}
}

// Collectors are the controller's metrics, to be registered.
func (c *Controller) Collectors() []prometheus.Collector {
	m := c.metrics
	return []prometheus.Collector{m.active, m.since, m.failing, m.begun, m.ended, m.view, m.decision}
}

func (m *metrics) count(s *contain.Step) {
	b := &s.Brake
	switch s.Verb {
	case contain.Hold:
		m.begun.WithLabelValues(string(b.Spec.Action), string(b.Spec.Mode)).Inc()
	case contain.End:
		m.ended.WithLabelValues(string(b.Spec.Action), s.Reason).Inc()
	}
}

// measure sets what is so now.
func (c *Controller) measure() {
	m := c.metrics
	m.active.Reset()
	m.since.Reset()
	failing := 0
	now := c.opts.Now()
	for _, b := range c.Brakes() {
		if !b.Active(now) {
			continue
		}
		m.active.WithLabelValues(string(b.Spec.Action), string(b.Spec.Mode)).Inc()
		if !b.Holds(now) {
			continue
		}
		if !apimeta.IsStatusConditionTrue(b.Status.Conditions, v1alpha1.ConditionEnforced) {
			failing++
		}
		if t, s := b.Spec.Target, b.Status.Since; s != nil {
			m.since.WithLabelValues(b.Name, string(b.Spec.Action), t.Kind, t.Namespace, t.Name).Set(float64(s.Unix()))
		}
	}
	m.failing.Set(float64(failing))
}
