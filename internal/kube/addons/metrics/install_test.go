package metrics

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/discovery/aggregated"
	"k8s.io/apiserver/pkg/endpoints/filters"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/util/compatibility"
	"k8s.io/client-go/rest"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	"sigs.k8s.io/metrics-server/pkg/api"
	"sigs.k8s.io/metrics-server/pkg/storage"
)

// half is a kubelet whose node, and the container c of pod default/p on it, use
// half a CPU and 100 MiB.
type half struct{ began time.Time }

func (h half) GetMetrics(context.Context, *v1.Node) (*storage.MetricsBatch, error) {
	point := storage.MetricsPoint{
		StartTime: h.began, Timestamp: time.Now(),
		CumulativeCPUUsed: uint64(time.Since(h.began) / 2), MemoryUsage: 100 << 20,
	}
	return &storage.MetricsBatch{
		Nodes: map[string]storage.MetricsPoint{"n1": point},
		Pods: map[types.NamespacedName]storage.PodMetricsPoint{
			{Namespace: "default", Name: "p"}: {Containers: map[string]storage.MetricsPoint{"c": point}},
		},
	}, nil
}

// host is what kube-apiserver is for Install.
func host(t *testing.T) *genericapiserver.GenericAPIServer {
	t.Helper()
	config := genericapiserver.NewConfig(api.Codecs)
	config.EffectiveVersion = compatibility.DefaultBuildEffectiveVersion()
	config.LoopbackClientConfig = &rest.Config{}
	config.ExternalAddress = "127.0.0.1:443"
	config.AggregatedDiscoveryGroupManager = aggregated.NewResourceManager("apis")
	server, err := config.Complete(nil).New("host", genericapiserver.NewEmptyDelegate())
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func TestGroupIsServedFromTheHost(t *testing.T) {
	s, err := New(Options{RestConfig: &rest.Config{}, Source: half{time.Now().Add(-time.Hour)}})
	if err != nil {
		t.Fatal(err)
	}
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}
	if err := s.nodes.Core().V1().Nodes().Informer().GetStore().Add(node); err != nil {
		t.Fatal(err)
	}
	pods := s.pods.ForResource(v1.SchemeGroupVersion.WithResource("pods")).Informer()
	if err := pods.GetStore().Add(&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p"}}); err != nil {
		t.Fatal(err)
	}
	server := host(t)
	if err := s.Install(server); err != nil {
		t.Fatal(err)
	}
	handler := filters.WithRequestInfo(server.UnprotectedHandler(), &request.RequestInfoFactory{APIPrefixes: sets.NewString("apis", "api")})
	get := func(path string, into any) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept", "application/json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
		}
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			t.Fatalf("GET %s: %v in %s", path, err, w.Body)
		}
	}

	var resources metav1.APIResourceList
	get("/apis/metrics.k8s.io/v1beta1", &resources)
	if len(resources.APIResources) != 2 {
		t.Errorf("resources %+v, want nodes and pods", resources.APIResources)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/apis", nil)
	r.Header.Set("Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
	server.AggregatedDiscoveryGroupManager.ServeHTTP(w, r)
	if !strings.Contains(w.Body.String(), "metrics.k8s.io") {
		t.Errorf("the host's discovery does not have the group: %s", w.Body)
	}

	var none metricsv1beta1.NodeMetricsList
	get("/apis/metrics.k8s.io/v1beta1/nodes", &none)
	if len(none.Items) != 0 {
		t.Errorf("before a scrape: %+v", none.Items)
	}
	s.scrape(t.Context())
	select {
	case <-s.Ready():
		t.Error("ready after one scrape, which has no difference to tell CPU use from")
	default:
	}
	s.scrape(t.Context())
	<-s.Ready()

	var nodeMetrics metricsv1beta1.NodeMetrics
	get("/apis/metrics.k8s.io/v1beta1/nodes/n1", &nodeMetrics)
	var podMetrics metricsv1beta1.PodMetricsList
	get("/apis/metrics.k8s.io/v1beta1/namespaces/default/pods", &podMetrics)
	if len(podMetrics.Items) != 1 || len(podMetrics.Items[0].Containers) != 1 {
		t.Fatalf("pods %+v", podMetrics.Items)
	}
	for what, usage := range map[string]v1.ResourceList{"node": nodeMetrics.Usage, "pod": podMetrics.Items[0].Containers[0].Usage} {
		if cpu := usage.Cpu().MilliValue(); cpu < 450 || cpu > 550 {
			t.Errorf("%s uses %d m of CPU, want about 500", what, cpu)
		}
		if usage.Memory().Cmp(resource.MustParse("100Mi")) != 0 {
			t.Errorf("%s uses %s of memory, want 100Mi", what, usage.Memory())
		}
	}
}

func TestKubeletsAreNotAskedByTheAPIServersName(t *testing.T) {
	o, err := Options{RestConfig: &rest.Config{TLSClientConfig: rest.TLSClientConfig{CAFile: "ca", ServerName: "kubernetes"}}}.complete()
	if err != nil {
		t.Fatal(err)
	}
	if o.Kubelet.CAFile != "ca" || o.Kubelet.ServerName != "" {
		t.Errorf("kubelet TLS %+v, want the authority and no name", o.Kubelet)
	}
}
