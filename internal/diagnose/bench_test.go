package diagnose_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	rt "github.com/bulkhead-k8s/bulkhead/internal/diagnose/recordtest"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// large is a cluster of nodes and pods, 20 pods a Deployment, one in a hundred of
// which fails.
func large(nodes, pods int) []record.Record {
	c := &rt.Cluster{Objects: map[record.Ref]metav1.Object{}}
	for i := range nodes {
		c.Put(rt.Node(fmt.Sprintf("node-%d", i)))
	}
	for i := range pods / 20 {
		ns, name := fmt.Sprintf("ns-%d", i%200), fmt.Sprintf("app-%d", i)
		meta := metav1.ObjectMeta{Name: name, Namespace: ns, Labels: map[string]string{"app": name}, CreationTimestamp: metav1.NewTime(rt.Start)}
		n := int32(20)
		d := &appsv1.Deployment{ObjectMeta: meta}
		d.Spec = appsv1.DeploymentSpec{Replicas: &n, Selector: &metav1.LabelSelector{MatchLabels: meta.Labels}, Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: meta.Labels}}}
		d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "c", Image: "x", Env: []corev1.EnvVar{{Name: "NEXT_ADDR", Value: fmt.Sprintf("app-%d:80", i+200)}}, Ports: []corev1.ContainerPort{{ContainerPort: 80}}}}
		c.Put(d)
		s := &corev1.Service{ObjectMeta: meta}
		s.Spec = corev1.ServiceSpec{Selector: meta.Labels, Ports: []corev1.ServicePort{{Port: 80}}}
		c.Put(s)
		for j := range 20 {
			c.Put(largePod(d, fmt.Sprintf("%s-6d5f7c8b9d-%05d", name, j), fmt.Sprintf("node-%d", (i*20+j)%nodes), i%100 == 7))
		}
	}
	return c.Records()
}

func largePod(d *appsv1.Deployment, name, node string, bad bool) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: d.Namespace, Labels: d.Labels, CreationTimestamp: d.CreationTimestamp}}
	p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: d.Name + "-6d5f7c8b9d"}}
	p.Spec = *d.Spec.Template.Spec.DeepCopy()
	p.Spec.NodeName = node
	p.Status.Phase = corev1.PodRunning
	status := corev1.ConditionTrue
	s := corev1.ContainerStatus{Name: "c", Ready: !bad}
	if bad {
		status = corev1.ConditionFalse
		s.RestartCount = 5
		s.State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}
		s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 139, FinishedAt: metav1.NewTime(rt.Now)}
	}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{s}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: status}}
	return p
}

// BenchmarkLargeCluster is a verdict over 5,000 nodes and 100,000 pods; heapMB is
// what the model holds.
func BenchmarkLargeCluster(b *testing.B) {
	nodes, pods := 5000, 100_000
	if testing.Short() {
		nodes, pods = 500, 10_000
	}
	records := large(nodes, pods)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m := model.New()
	for _, r := range records {
		m.Add(r)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	node := slices.IndexFunc(records, func(r record.Record) bool { return r.Object.Kind == "Node" })
	for b.Loop() {
		m.Add(records[node]) // something changed: nothing derived may be kept
		if r := diagnose.Of(m, diagnose.Options{}); len(r.Incidents) == 0 {
			b.Fatal("no incident")
		}
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "heapMB")
	runtime.KeepAlive(records)
}

// BenchmarkLogs is a dump that is mostly logs: 100 MB of them.
func BenchmarkLogs(b *testing.B) {
	c := rt.New()
	c.Crashes("cart", 1, "Error")
	lines := make([]string, 0, 1<<20)
	size := 0
	for i := 0; size < 100<<20; i++ {
		line := fmt.Sprintf("2026-03-01T10:%02d:%02dZ INFO request served path=/api/v1/items/%d status=200 took=%dms trace=9f86d081884c7d65", i/60%60, i%60, i, i%90)
		if i%1000 == 0 {
			line = "2026-03-01T10:00:00Z ERROR dial tcp cache:6379: connect: connection refused"
		}
		lines = append(lines, line)
		size += len(line) + 1
	}
	c.Log("cart", lines...)
	records := c.Records()
	b.SetBytes(int64(size))
	for b.Loop() {
		diagnose.Diagnose(slices.Values(records), diagnose.Options{})
	}
}
