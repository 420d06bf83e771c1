package objects

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

func TestSnapshotReadsPagesAndLogs(t *testing.T) {
	f, config := newFakeAPI(t)
	pod := shop(t, f)
	c := crashed("1")
	c.LastTerminationState, c.State = c.State, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{c}
	for _, name := range []string{"a", "b", "c", "d"} {
		f.put(t, "configmaps", &corev1.ConfigMap{ObjectMeta: meta("shop", name, name, nil)})
	}
	f.put(t, "crd", map[string]any{"metadata": map[string]any{"name": "widgets.example.com"}, "spec": map[string]any{"versions": []any{map[string]any{"name": "v1", "schema": "long"}}}})
	f.logs["/api/v1/namespaces/shop/pods/web-1-x/log previous=true"] = "one\ntwo\n"
	_, refused := pathOf(t, "ingresses")
	f.refuse[refused] = http.StatusForbidden
	records, report, err := Snapshot(context.Background(), config, SnapshotOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if report.Objects != 8 || report.Logs != 1 || len(report.Refused) != 1 || report.Refused[0].Kind != "Ingress" {
		t.Errorf("report is %+v", report)
	}
	maps, lines := 0, []string(nil)
	for _, r := range records {
		switch p := r.Payload.(type) {
		case *record.State:
			if r.Object.Kind == "ConfigMap" {
				maps++
			}
			if r.Object.Kind == "CustomResourceDefinition" && (r.Object.Name != "widgets.example.com" || strings.Contains(string(p.Whole), "schema")) {
				t.Errorf("the CRD is recorded as %s", p.Whole)
			}
			var typed struct{ APIVersion, Kind string }
			if err := json.Unmarshal(p.Whole, &typed); err != nil || typed.Kind != r.Object.Kind || typed.APIVersion == "" {
				t.Errorf("state %s has type %+v, %v", p.Whole, typed, err)
			}
		case *record.Listing:
			if r.Object.Kind == "Ingress" {
				t.Error("a listing of what may not be listed")
			}
		case *record.Log:
			lines = p.Lines
			if !p.Previous || p.Container != "app" {
				t.Errorf("log is %+v", p)
			}
		}
	}
	if maps != 4 || len(lines) != 2 {
		t.Errorf("%d ConfigMaps and the lines %q", maps, lines)
	}
}

func TestSnapshotOfNoCluster(t *testing.T) {
	_, _, err := Snapshot(context.Background(), &rest.Config{Host: "http://127.0.0.1:1"}, SnapshotOptions{})
	if err == nil {
		t.Error("no error although nothing answers")
	}
}

func TestWithType(t *testing.T) {
	k, _ := pathOf(t, "deployments")
	for in, want := range map[string]string{
		`{}`:                       `{"apiVersion":"apps/v1","kind":"Deployment"}`,
		`{"metadata":{}}`:          `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{}}`,
		`{"apiVersion":"x","a":1}`: `{"apiVersion":"x","a":1}`,
	} {
		if got := string(withType(k, json.RawMessage(in))); got != want {
			t.Errorf("withType(%s) = %s, want %s", in, got, want)
		}
	}
}
