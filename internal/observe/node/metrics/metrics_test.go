package metrics

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

type registry struct {
	*prometheus.Registry
	fsync    prometheus.Histogram
	rejected *prometheus.CounterVec
	size     prometheus.Gauge
	leader   prometheus.Gauge
	requests *prometheus.HistogramVec
	errors   *prometheus.CounterVec
	probes   *prometheus.CounterVec
	took     *prometheus.HistogramVec
	pleg     prometheus.Gauge
}

func newRegistry() *registry {
	quota := prometheus.NewGauge(prometheus.GaugeOpts{Name: "etcd_server_quota_backend_bytes"})
	quota.Set(100)
	r := &registry{
		Registry: prometheus.NewRegistry(),
		fsync:    prometheus.NewHistogram(prometheus.HistogramOpts{Name: "etcd_disk_wal_fsync_duration_seconds", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "apiserver_flowcontrol_rejected_requests_total"}, []string{"reason"}),
		size:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "etcd_mvcc_db_total_size_in_bytes"}),
		leader:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "etcd_server_has_leader"}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "apiserver_request_duration_seconds", Buckets: []float64{0.1, 0.5, 1, 2, 5}}, []string{"verb", "scope", "subresource"}),
		errors:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "kubelet_runtime_operations_errors_total"}, []string{"operation_type"}),
		probes:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: probeTotal}, []string{"probe_type", "result", "container", "pod", "namespace", "pod_uid"}),
		took:     prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: probeDuration}, []string{"probe_type", "container", "pod", "namespace"}),
		pleg:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "kubelet_pleg_last_seen_seconds"}),
	}
	r.leader.Set(1)
	r.MustRegister(quota, r.fsync, r.rejected, r.size, r.leader, r.requests, r.errors, r.probes, r.took, r.pleg)
	return r
}

func (r *registry) take(t *testing.T) Snapshot {
	t.Helper()
	s, err := Take([]prometheus.Gatherer{r})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var at = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

func TestTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(r *registry)
		want    []string
	}{
		"nothing": {func(*registry) {}, nil},
		"fast writes": {func(r *registry) {
			for range 1000 {
				r.fsync.Observe(0.004)
			}
		}, nil},
		"slow writes": {func(r *registry) {
			for range 100 {
				r.fsync.Observe(0.9)
			}
		}, []string{"etcd/slow"}},
		"a few slow writes": {func(r *registry) {
			for range 3 {
				r.fsync.Observe(3)
			}
		}, nil},
		"rejected":               {func(r *registry) { r.rejected.WithLabelValues("queue-full").Add(7) }, []string{"kube-apiserver/overloaded"}},
		"given up by the client": {func(r *registry) { r.rejected.WithLabelValues("cancelled").Add(7) }, nil},
		"etcd nearly full":       {func(r *registry) { r.size.Set(96) }, []string{"etcd/quota"}},
		"no leader":              {func(r *registry) { r.leader.Set(0) }, []string{"etcd/no-quorum"}},
		"slow requests": {func(r *registry) {
			for range 150 {
				r.requests.WithLabelValues("GET", "resource", "").Observe(3)
			}
		}, []string{"kube-apiserver/slow"}},
		"watches": {func(r *registry) {
			for range 150 {
				r.requests.WithLabelValues("WATCH", "cluster", "").Observe(300)
			}
		}, nil},
		"the runtime fails":    {func(r *registry) { r.errors.WithLabelValues("create_container").Add(9) }, []string{"containerd/error"}},
		"programs in probes":   {func(r *registry) { r.errors.WithLabelValues("exec_sync").Add(9) }, nil},
		"the kubelet is stuck": {func(r *registry) { r.pleg.Set(float64(at.Unix() - 600)) }, []string{"kubelet/error"}},
		"the kubelet looks":    {func(r *registry) { r.pleg.Set(float64(at.Unix() - 6)) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegistry()
			// What was before does not count.
			for range 100 {
				r.fsync.Observe(5)
				r.requests.WithLabelValues("GET", "resource", "").Observe(3)
			}
			r.rejected.WithLabelValues("queue-full").Add(100)
			r.errors.WithLabelValues("create_container").Add(100)
			before := r.take(t)
			c.happens(r)
			var got []string
			for p := range maps.Values(Trouble(before, r.take(t), at)) {
				got = append(got, p.Name+"/"+p.Problem)
				if p.Message == "" || p.Unit == "" || p.Value == 0 {
					t.Errorf("it does not say enough: %+v", p)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestEachRuleHasASource(t *testing.T) {
	for _, r := range rules {
		if r.source == "" || r.threshold == 0 || len(r.families) == 0 {
			t.Errorf("rule %s/%s lacks its source, threshold or families", r.component, r.problem)
		}
	}
}

func TestQuantile(t *testing.T) {
	r := newRegistry()
	before := r.take(t)
	for i := range 100 {
		r.requests.WithLabelValues("GET", "resource", "").Observe(float64(i) / 50) // 0 to 2
	}
	if v, n := quantile(before, r.take(t), "apiserver_request_duration_seconds", 0.5, single); n != 100 || v < 0.9 || v > 1.1 {
		t.Errorf("the median of %d is %v", n, v)
	}
	if _, n := quantile(r.take(t), before, "apiserver_request_duration_seconds", 0.5, single); n != 0 {
		t.Error("a histogram that began anew has a quantile")
	}
}

func TestProbes(t *testing.T) {
	r := newRegistry()
	r.probes.WithLabelValues("Liveness", "failed", "app", "web", "shop", "u1").Add(5)
	before := r.take(t)
	r.probes.WithLabelValues("Liveness", "failed", "app", "web", "shop", "u1").Add(2)
	r.probes.WithLabelValues("Readiness", "successful", "app", "web", "shop", "u1").Add(3)
	r.took.WithLabelValues("Readiness", "app", "web", "shop").Observe(0.2)
	r.took.WithLabelValues("Readiness", "app", "web", "shop").Observe(0.4)
	pod := record.Ref{Kind: "Pod", Namespace: "shop", Name: "web", UID: "u1"}
	want := map[ProbeID]ProbeCount{
		{pod, "app", "liveness"}:  {Failed: 2},
		{pod, "app", "readiness"}: {OK: 3, Took: 300 * time.Millisecond},
	}
	got := Probes(before, r.take(t))
	for id, c := range got {
		c.Took = c.Took.Round(time.Millisecond)
		got[id] = c
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// BenchmarkTake gathers 10,000 counters and 1,000 histograms, as the components of
// a small cluster have together.
func BenchmarkTake(b *testing.B) {
	r := prometheus.NewRegistry()
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "apiserver_request_duration_seconds", Buckets: prometheus.ExponentialBuckets(0.005, 1.3, 25)}, []string{"resource"})
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "some_total"}, []string{"resource"})
	r.MustRegister(h, c)
	for i := range 10000 {
		c.WithLabelValues(strconv.Itoa(i)).Inc()
		if i%10 == 0 {
			h.WithLabelValues(strconv.Itoa(i)).Observe(1)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Take([]prometheus.Gatherer{r}); err != nil {
			b.Fatal(err)
		}
	}
}
