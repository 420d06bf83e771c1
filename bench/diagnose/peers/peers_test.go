package main

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

func TestReadReports(t *testing.T) {
	for name, c := range map[string]struct {
		read func([]byte) (report, error)
		data string
		want report
	}{
		"popeye": {readPopeye, `{"popeye":{"sections":[{"linter":"pods","issues":{"shop/web-1":[{"level":1},{"level":3}],"shop/web-2":[{"level":2}],"shop/web-3":[{"level":1}]}},{"linter":"nodes","issues":{"n1":[{"level":3}]}}]}}`,
			report{{"Pod", "shop", "web-1"}: 0, {"Pod", "shop", "web-2"}: 1, {"Node", "", "n1"}: 0}},
		"k8sgpt": {readK8sgpt, "a complaint\n" + `{"results":[{"kind":"Pod","name":"shop/web-1/app"},{"kind":"Security/ServiceAccount","name":"shop/default"},{"kind":"MutatingWebhookConfiguration","name":"/check.example.com"}]}`,
			report{{"Pod", "shop", "web-1"}: 0, {"ServiceAccount", "shop", "default"}: 0, {"Webhook", "", "check.example.com"}: 0}},
		"bulkhead": {readBulkhead, `{"incidents":[{"firstCause":{"object":{"kind":"Node","name":"n1"},"reason":"DiskFull"},"candidates":[{"object":{"kind":"Pod","namespace":"shop","name":"web-1"}}]},{"firstCause":{"reason":"NoCauseRecorded"}}]}`,
			report{{"Node", "", "n1"}: 0, {"Pod", "shop", "web-1"}: 2}},
	} {
		got, err := c.read([]byte(c.data))
		if err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%s: got %v, %v; want %v", name, got, err, c.want)
		}
	}
}

func TestHits(t *testing.T) {
	web := object{"Deployment", "shop", "web"}
	for o, want := range map[object]bool{
		web:                           true,
		{"Pod", "shop", "web-5c9-x2"}: true,
		{"Pod", "other", "web-5c9-x"}: false,
		{"Pod", "shop", "webhook-1"}:  false,
		{"Service", "shop", "web"}:    false,
		{"Deployment", "shop", "api"}: false,
	} {
		if o.hits(web) != want {
			t.Errorf("%s points at %s: got %v", o, web, !want)
		}
	}
}

func TestPointsAtFew(t *testing.T) {
	tab := newTable([]string{"a", "b"})
	s := &scenario{FirstCause: object{"Node", "", "n1"}}
	tab.add(s, "a", report{{"Node", "", "n1"}: 0, {"Node", "", "n2"}: 1})
	tab.add(s, "b", report{{"Node", "", "n1"}: 0, {"Node", "", "n2"}: 0, {"Node", "", "n3"}: 0, {"Node", "", "n4"}: 0})
	if a, b := tab.rows[inAPI]["a"], tab.rows[inAPI]["b"]; a.named != 1 || a.pointed != 1 || b.named != 1 || b.pointed != 0 {
		t.Errorf("got %+v and %+v", a, b)
	}
}

func TestServesTheLastState(t *testing.T) {
	saved := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	pod, service := record.Ref{Kind: "Pod", Namespace: "shop", Name: "web-1"}, record.Ref{Kind: "Service", Namespace: "shop", Name: "web"}
	s, err := stateOf([]record.Record{
		{Time: saved, Object: pod, Payload: &record.State{Whole: json.RawMessage(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-1","namespace":"shop","labels":{"app":"web"}},"status":{"podIP":"10.1.1.1","phase":"Pending"}}`)}},
		{Time: saved, Object: service, Payload: &record.State{Whole: json.RawMessage(`{"apiVersion":"v1","kind":"Service","metadata":{"name":"web","namespace":"shop"},"spec":{"selector":{"app":"web"}}}`)}},
		{Time: saved, Object: pod, Payload: &record.State{Patch: json.RawMessage(`{"status":{"phase":"Running","startTime":"2026-11-20T10:00:00Z"}}`)}},
		{Time: saved, Object: pod, Payload: &record.Event{Kind: "Warning", Reason: "BackOff"}},
		{Time: saved, Object: pod, Payload: &record.Log{Container: "web", Previous: true, Lines: []string{"fatal"}}},
	}, saved)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(newAPI(s))
	defer server.Close()
	var got struct {
		Items []map[string]any `json:"items"`
	}
	read(t, server.URL+"/api/v1/pods?labelSelector=app%3Dweb", &got)
	if len(got.Items) != 1 || text(got.Items[0], "status", "phase") != "Running" {
		t.Fatalf("pods: got %v", got.Items)
	}
	if start, err := time.Parse(time.RFC3339, text(got.Items[0], "status", "startTime")); err != nil || time.Since(start) > time.Minute {
		t.Errorf("the pod's start was not moved to now: %v, %v", start, err)
	}
	read(t, server.URL+"/api/v1/namespaces/shop/events?fieldSelector=involvedObject.name%3Dweb-1", &got)
	if len(got.Items) != 1 || text(got.Items[0], "reason") != "BackOff" {
		t.Errorf("Events: got %v", got.Items)
	}
	var endpoints map[string]any
	read(t, server.URL+"/api/v1/namespaces/shop/endpoints/web", &endpoints)
	if subsets, _ := at(endpoints, "subsets").([]any); len(subsets) != 1 {
		t.Errorf("Endpoints: got %v", endpoints)
	}
	if log := body(t, server.URL+"/api/v1/namespaces/shop/pods/web-1/log?container=web"); log != "fatal\n" {
		t.Errorf("log: got %q", log)
	}
}

func read(t *testing.T, url string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(body(t, url)), into); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
}

func body(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	data, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, r.Status, err)
	}
	return string(data)
}
