package simulate

import (
	"context"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
)

// eventually polls the fake API, which has no way to wait for a value.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

func TestSimulationPlaysNodesAndPods(t *testing.T) {
	o, err := Options{RestConfig: &rest.Config{}, Nodes: 2}.complete()
	if err != nil {
		t.Fatal(err)
	}
	foreign := pod(func(p *v1.Pod) { p.Name, p.UID, p.Spec.NodeName = "foreign", "f", "real" })
	client := fake.NewClientset(&v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "real"}}, foreign)
	ctx, cancel := context.WithCancel(t.Context())
	s := newSimulation(client, o)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	select {
	case <-s.Ready():
	case err := <-ended:
		t.Fatalf("Run = %v before it was ready", err)
	}

	eventually(t, "both Leases", func() bool {
		leases, err := client.CoordinationV1().Leases(v1.NamespaceNodeLease).List(ctx, metav1.ListOptions{})
		return err == nil && len(leases.Items) == 2 && *leases.Items[0].Spec.LeaseDurationSeconds == leaseSeconds
	})
	pods := client.CoreV1().Pods("default")
	if _, err := pods.Create(ctx, pod(func(p *v1.Pod) { p.Spec.NodeName = "simulated-1" }), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pod runs", func() bool {
		p, err := pods.Get(ctx, "p", metav1.GetOptions{})
		return err == nil && p.Status.Phase == v1.PodRunning && p.Status.PodIP != ""
	})

	node, err := client.CoreV1().Nodes().Get(ctx, "simulated-1", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range node.Status.Conditions {
		node.Status.Conditions[i].Status = v1.ConditionUnknown
	}
	if _, err := client.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a node that was lost is ready again", func() bool {
		node, err := client.CoreV1().Nodes().Get(ctx, "simulated-1", metav1.GetOptions{})
		return err == nil && isReady(node)
	})

	p, err := pods.Get(ctx, "p", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &metav1.Time{Time: time.Now()}, ptr.To[int64](30)
	if _, err := pods.Update(ctx, p, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the deleted pod goes", func() bool {
		_, err := pods.Get(ctx, "p", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
	if p, err := pods.Get(ctx, "foreign", metav1.GetOptions{}); err != nil || p.Status.Phase != v1.PodPending {
		t.Errorf("a real node's pod was played: %+v, %v", p.Status, err)
	}

	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v after its context ended, want nil", err)
	}
}
