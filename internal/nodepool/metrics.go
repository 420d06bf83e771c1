package nodepool

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// metrics are what a Controller counts.
type metrics struct {
	nodes    *prometheus.GaugeVec
	held     *prometheus.GaugeVec
	actions  *prometheus.CounterVec
	decision prometheus.Histogram
}

func newMetrics() *metrics {
	return &metrics{
		nodes: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "bulkhead_nodepool_nodes", Help: "Nodes of a pool, by state: all, ready, making, unhealthy, target."}, []string{"pool", "state"}),
		held: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "bulkhead_nodepool_held_seconds", Help: "How long an action of a pool has been held; 0 if it is not."},
			[]string{"pool", "condition"}),
		actions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "bulkhead_nodepool_actions_total", Help: "Nodes that were created or drained."}, []string{"pool", "action"}),
		decision: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "bulkhead_nodepool_decision_seconds", Help: "How long a decision on all pools took.",
			Buckets: []float64{0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10}}),
	}
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.nodes, m.held, m.actions, m.decision}
}

// pool shows a pool's status.
func (m *metrics) pool(name string, s *v1alpha1.NodePoolStatus, now time.Time) {
	for state, n := range map[string]int32{"all": s.Nodes, "ready": s.Ready, "making": s.Making, "unhealthy": s.Unhealthy, "target": s.Target} {
		m.nodes.WithLabelValues(name, state).Set(float64(n))
	}
	for i := range s.Conditions {
		c := &s.Conditions[i]
		if c.Type == v1alpha1.ConditionProviderAnswers {
			continue
		}
		since := 0.0
		if c.Status == metav1.ConditionTrue {
			since = now.Sub(c.LastTransitionTime.Time).Seconds()
		}
		m.held.WithLabelValues(name, c.Type).Set(since)
	}
}

// forget drops a pool that is gone.
func (m *metrics) forget(name string) {
	for _, v := range []interface {
		DeletePartialMatch(prometheus.Labels) int
	}{m.nodes, m.held, m.actions} {
		v.DeletePartialMatch(prometheus.Labels{"pool": name})
	}
}
