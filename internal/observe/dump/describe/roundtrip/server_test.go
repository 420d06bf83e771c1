package roundtrip

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"
	kubectl "k8s.io/kubectl/pkg/describe"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

// api serves objects as an API server does, as far as kubectl's describers ask.
type api struct {
	objects []stored
}

type stored struct {
	kind resource.Kind
	resource.Object
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if parts[0] == "api" {
		parts = append([]string{"apis", ""}, parts[1:]...)
	}
	group, version, rest := parts[1], parts[2], parts[3:]
	namespace := ""
	if rest[0] == "namespaces" && len(rest) > 2 {
		namespace, rest = rest[1], rest[2:]
	}
	w.Header().Set("Content-Type", "application/json")
	var found []any
	for _, o := range a.objects {
		if o.kind.Group != group || o.kind.Plural != rest[0] || namespace != "" && o.GetNamespace() != namespace {
			continue
		}
		if len(rest) > 1 {
			if o.GetName() == rest[1] {
				_ = json.NewEncoder(w).Encode(o.Object)
				return
			}
			continue
		}
		if selected(o, r) {
			found = append(found, o.Object)
		}
	}
	if len(rest) > 1 {
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(metav1.Status{Status: "Failure", Code: 404, Reason: metav1.StatusReasonNotFound})
		return
	}
	apiVersion := strings.TrimPrefix(group+"/"+version, "/")
	_ = json.NewEncoder(w).Encode(map[string]any{"kind": "List", "apiVersion": apiVersion, "metadata": map[string]any{}, "items": found})
}

func selected(o stored, r *http.Request) bool {
	if s, err := labels.Parse(r.URL.Query().Get("labelSelector")); err == nil && !s.Matches(labels.Set(o.GetLabels())) {
		return false
	}
	e, ok := o.Object.(*corev1.Event)
	if !ok {
		return true
	}
	s, err := fields.ParseSelector(r.URL.Query().Get("fieldSelector"))
	i := e.InvolvedObject
	return err == nil && (r.URL.Query().Get("fieldSelector") == "" || s.Matches(fields.Set{"involvedObject.name": i.Name, "involvedObject.namespace": i.Namespace,
		"involvedObject.kind": i.Kind, "involvedObject.uid": string(i.UID)}))
}

// described is what kubectl prints of an object.
func described(t testing.TB, k resource.Kind, o resource.Object, others ...stored) string {
	t.Helper()
	server := httptest.NewServer(&api{append(others, stored{k, o})})
	t.Cleanup(server.Close)
	d, ok := kubectl.DescriberFor(k.GroupKind(), &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}})
	if !ok {
		t.Fatalf("kubectl has no describer for %s", k.Kind)
	}
	text, err := d.Describe(o.GetNamespace(), o.GetName(), kubectl.DescriberSettings{ShowEvents: true, ChunkSize: 500})
	if err != nil {
		t.Fatalf("describe %s: %v", k.Kind, err)
	}
	return text
}
