package model

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// aPod is one of an owner, with as many restarts.
func aPod(name, node string, restarts int) string {
	return fmt.Sprintf(`{"metadata":{"name":%q,"namespace":"shop","creationTimestamp":"2026-03-01T09:00:00Z","ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-64ddc5c766","controller":true}]},
"spec":{"nodeName":%q,"containers":[{"name":"web","image":"x"}]},
"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-03-01T09:02:00Z"},{"type":"Initialized","status":"True"}],
"containerStatuses":[{"name":"web","ready":true,"restartCount":%d,"state":{"running":{"startedAt":"2026-03-01T09:01:00Z"}}}]}}`, name, node, restarts)
}

// TestSteadyPodsTellTheSame asks a pod that shares its status with its like, and one
// that does not, the same questions.
func TestSteadyPodsTellTheSame(t *testing.T) {
	for _, restarts := range []int{0, 1} {
		m := New()
		m.Add(state("Pod", "shop", "web-64ddc5c766-aaaaa", aPod("web-64ddc5c766-aaaaa", "n1", restarts), record.Full, noon))
		m.Add(state("Pod", "shop", "web-64ddc5c766-bbbbb", aPod("web-64ddc5c766-bbbbb", "n2", restarts), record.Full, noon))
		p := m.Pod(Key{KindPod, "shop", "web-64ddc5c766-bbbbb"})
		if shared := p.Spec.PodSpec == m.Pods()[0].Spec.PodSpec; !shared {
			t.Error("pods of one template do not share it")
		}
		ready, known := p.Ready()
		c := p.Condition(corev1.PodReady)
		if !ready || !known || c == nil || c.LastTransitionTime.UTC().Format(time.TimeOnly) != "09:02:00" || p.Started().UTC().Format(time.TimeOnly) != "09:01:00" {
			t.Errorf("%d restarts: ready %t, known %t, condition %v, started %s", restarts, ready, known, c, p.Started())
		}
		// A patch starts from the whole pod.
		m.Add(record.Record{Time: noon.Add(time.Minute), Object: record.Ref{Kind: "Pod", Namespace: "shop", Name: p.Key.Name}, Payload: &record.State{Patch: json.RawMessage(`{"status":{"message":"patched"}}`)}})
		p = m.Pod(p.Key)
		if ready, _ := p.Ready(); !ready || p.Status.Message != "patched" || p.Spec.NodeName != "n2" || p.Started().UTC().Format(time.TimeOnly) != "09:01:00" {
			t.Errorf("%d restarts, after a patch: %+v", restarts, p.PodState)
		}
	}
}

// TestTheIndexFollows changes what relations follow from, and what they do not.
func TestTheIndexFollows(t *testing.T) {
	const name = "web-64ddc5c766-aaaaa"
	key := Key{KindPod, "shop", name}
	m := New()
	m.Add(state("Pod", "shop", name, aPod(name, "n1", 0), record.Full, noon))
	before := m.Index()
	m.Add(state("Pod", "shop", name, aPod(name, "n1", 3), record.Full, noon.Add(time.Minute)))
	if m.Index() != before || m.Pod(key).Status.ContainerStatuses[0].RestartCount != 3 || len(m.OnNode("n1")) != 1 {
		t.Error("a restart makes the index anew, or does not show in it")
	}
	m.Add(state("Pod", "shop", name, aPod(name, "n2", 3), record.Full, noon.Add(2*time.Minute)))
	if len(m.OnNode("n1")) != 0 || len(m.OnNode("n2")) != 1 {
		t.Error("a pod that moved is still where it was")
	}
	m.Add(record.Record{Time: noon.Add(3 * time.Minute), Object: record.Ref{Kind: "Pod", Namespace: "shop", Name: name}, Payload: &record.State{Deleted: true}})
	if m.Pod(key) != nil || len(m.OnNode("n2")) != 0 || len(m.Pods()) != 0 {
		t.Error("a pod that was deleted is still there")
	}
}

// TestPodsOfANode are workloads of their own, though they have the same owner.
func TestPodsOfANode(t *testing.T) {
	m := New()
	for _, n := range []string{"etcd-m1", "kube-apiserver-m1"} {
		m.Add(state("Pod", "kube-system", n, `{"metadata":{"name":"`+n+`","namespace":"kube-system","ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"m1","controller":true}]}}`, record.Full, noon))
	}
	for _, p := range m.Pods() {
		if p.Workload.Key != p.Key {
			t.Errorf("%s belongs to %s", p.Key, p.Workload.Key)
		}
	}
}
