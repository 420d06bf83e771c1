package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/kubectl/pkg/describe"
)

// described is what kubectl prints of an app's first pod, which a server of its own
// serves.
func described(a app, now time.Time) (string, error) {
	pod := a.pod(0, 100, 9, now)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var answer any = pod
		if strings.HasSuffix(r.URL.Path, "/events") {
			answer = map[string]any{"kind": "EventList", "apiVersion": "v1", "metadata": map[string]any{}, "items": []any{a.event(0, 9, now)}}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	defer server.Close()
	d, ok := describe.DescriberFor(schema.GroupKind{Kind: "Pod"}, &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}})
	if !ok {
		return "", fmt.Errorf("kubectl has no describer for pods")
	}
	text, err := d.Describe(pod.Namespace, pod.Name, describe.DescriberSettings{ShowEvents: true, ChunkSize: 500})
	if err != nil {
		return "", fmt.Errorf("describe pod: %w", err)
	}
	return strings.TrimRight(text, "\n") + "\n", nil
}
