package kube

import (
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
)

// For kube-proxy, a Node that is deleted stays as it was until it is there again.
func TestKeptNode(t *testing.T) {
	ctx := t.Context()
	node := func(address string) *v1.Node {
		n := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "one"}}
		if address != "" {
			n.Status.Addresses = []v1.NodeAddress{{Type: v1.NodeInternalIP, Address: address}}
		}
		return n
	}
	client := fake.NewClientset(node("192.0.2.1"))
	kept := keptNode{client, &lastNode{}}.CoreV1().Nodes()
	if list, err := kept.List(ctx, metav1.ListOptions{}); err != nil || len(list.Items) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	w, err := kept.Watch(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	if err := client.CoreV1().Nodes().Delete(ctx, "one", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	list, err := kept.List(ctx, metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 || list.Items[0].Status.Addresses[0].Address != "192.0.2.1" {
		t.Errorf("after the deletion: %v, %v", list, err)
	}
	if _, err := client.CoreV1().Nodes().Create(ctx, node(""), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().Nodes().Update(ctx, node("192.0.2.2"), metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	// Neither the deletion nor the Node without addresses is told.
	for _, want := range []struct {
		event   watch.EventType
		address string
	}{{watch.Added, "192.0.2.1"}, {watch.Modified, "192.0.2.2"}} {
		select {
		case event := <-w.ResultChan():
			got, ok := event.Object.(*v1.Node)
			if event.Type != want.event || !ok || len(got.Status.Addresses) != 1 || got.Status.Addresses[0].Address != want.address {
				t.Errorf("told is %s %v, want %s with %s", event.Type, event.Object, want.event, want.address)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("not told: %s with %s", want.event, want.address)
		}
	}
}
