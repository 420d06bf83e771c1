package dump

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/fstest"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// clusterObjects are n pods with events and, for ten of them, a Deployment, in
// the sizes that objects have in clusters (managed fields included).
func clusterObjects(n int) []any {
	managed := metav1.ManagedFieldsEntry{Manager: "kube-controller-manager", Operation: "Update", APIVersion: "v1", FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:generateName":{},"f:labels":{".":{},"f:app":{},"f:pod-template-hash":{}},"f:ownerReferences":{".":{},"k:{\"uid\":\"8c1f\"}":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"server\"}":{".":{},"f:env":{".":{},"k:{\"name\":\"PORT\"}":{".":{},"f:name":{},"f:value":{}}},"f:image":{},"f:imagePullPolicy":{},"f:livenessProbe":{".":{},"f:failureThreshold":{}},"f:name":{},"f:resources":{".":{},"f:limits":{".":{},"f:cpu":{},"f:memory":{}}}}}}}`)}
	now := metav1.Date(2026, 3, 1, 10, 0, 0, 0, metav1.Now().Location())
	var out []any
	yes := true
	for i := range n {
		app := fmt.Sprintf("app-%d", i/10)
		p := corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-64ddc5c766-%05d", app, i), Namespace: "shop", UID: "8c1f", CreationTimestamp: now,
			Labels: map[string]string{"app": app, "pod-template-hash": "64ddc5c766"}, ManagedFields: []metav1.ManagedFieldsEntry{managed, managed},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: app + "-64ddc5c766", Controller: &yes}}}}
		p.Spec.NodeName = "node-1"
		for _, name := range []string{"server", "proxy"} {
			c := corev1.Container{Name: name, Image: "registry.example.com/team/" + app + ":v1.2.3", Ports: []corev1.ContainerPort{{ContainerPort: 8080, Protocol: "TCP"}}}
			for j := range 8 {
				c.Env = append(c.Env, corev1.EnvVar{Name: fmt.Sprintf("SERVICE_%d_ADDR", j), Value: "service.shop.svc.cluster.local:8080"})
			}
			c.Resources.Limits = corev1.ResourceList{"cpu": resource.MustParse("500m"), "memory": resource.MustParse("256Mi")}
			p.Spec.Containers = append(p.Spec.Containers, c)
			p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{Name: name, Ready: true, Image: c.Image, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}}})
		}
		for _, t := range []corev1.PodConditionType{"Ready", "Initialized", "ContainersReady", "PodScheduled"} {
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: t, Status: "True", LastTransitionTime: now})
		}
		out = append(out, p, corev1.Event{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Event"}, ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("e-%d", i), Namespace: "shop"},
			InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: p.Name}, Type: "Warning", Reason: "BackOff", Message: "Back-off restarting failed container server in pod " + p.Name, Count: 3, FirstTimestamp: now, LastTimestamp: now})
		if i%10 == 0 {
			d := appsv1.Deployment{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: metav1.ObjectMeta{Name: app, Namespace: "shop", CreationTimestamp: now}}
			d.Spec.Template.Spec = p.Spec
			out = append(out, d)
		}
	}
	return out
}

func list(tb testing.TB, items []any) []byte {
	tb.Helper()
	raw, err := json.MarshalIndent(map[string]any{"apiVersion": "v1", "kind": "List", "items": items}, "", "    ")
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func benchmark(b *testing.B, files fstest.MapFS) {
	b.Helper()
	size := int64(0)
	for _, f := range files {
		size += int64(len(f.Data))
	}
	b.SetBytes(size)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		records, report, err := ReadFS(context.Background(), files)
		if err != nil || len(report.Damage) > 0 || len(records) == 0 {
			b.Fatalf("%d records, %v, %v", len(records), report.Damage, err)
		}
	}
}

// BenchmarkJSON reads one List of about 100 MB in one file.
func BenchmarkJSON(b *testing.B) {
	raw := list(b, clusterObjects(9000))
	b.Logf("%d MB", len(raw)>>20)
	benchmark(b, fstest.MapFS{"all.json": {Data: raw}})
}

// BenchmarkYAML reads one List of about 10 MB.
func BenchmarkYAML(b *testing.B) {
	raw, err := yaml.JSONToYAML(list(b, clusterObjects(1500)))
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d MB", len(raw)>>20)
	benchmark(b, fstest.MapFS{"all.yaml": {Data: raw}})
}

// BenchmarkTables reads tables and descriptions of 2,000 pods.
func BenchmarkTables(b *testing.B) {
	var t bytes.Buffer
	t.WriteString("NAME                          READY   STATUS    RESTARTS   AGE   IP            NODE     NOMINATED NODE   READINESS GATES\n")
	outputs := map[string]string{}
	for i := range 2000 {
		name := fmt.Sprintf("web-64ddc5c766-%05d", i)
		fmt.Fprintf(&t, "%-29s 1/1     Running   0          93s   172.20.1.220  node-1   <none>           <none>\n", name)
		outputs["kubectl describe pod "+name+" -n shop"] = fmt.Sprintf(samplePod, name)
	}
	outputs["kubectl get pods -n shop -o wide"] = t.String()
	raw, err := json.Marshal(outputs)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d MB", len(raw)>>20)
	benchmark(b, fstest.MapFS{"outputs.json": {Data: raw}})
}

// BenchmarkLogs reads a log of about 100 MB.
func BenchmarkLogs(b *testing.B) {
	var t bytes.Buffer
	for i := range 700000 {
		fmt.Fprintf(&t, "2026-03-01T10:00:%02d.%06dZ level=info msg=\"handled a request\" method=GET path=/api/v1/items/%d status=200 took=12ms bytes=4711\n", i%60, i, i)
	}
	b.Logf("%d MB", t.Len()>>20)
	benchmark(b, fstest.MapFS{"shop/web-1/logs.txt": {Data: t.Bytes()}})
}
