package problem

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

func TestRunWritesConditionsAndEvents(t *testing.T) {
	client := fake.NewClientset(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{Client: client, Node: "n", Every: 5 * time.Millisecond,
			Follow: func(ctx context.Context, f func(time.Time, string)) error {
				f(time.Now(), "EXT4-fs (sda1): Remounting filesystem read-only")
				<-ctx.Done()
				return ctx.Err()
			},
			Probe: func(context.Context) error { return errors.New("no answer") }})
	}()
	found := map[corev1.NodeConditionType]corev1.ConditionStatus{}
	for range 1000 {
		n, err := client.CoreV1().Nodes().Get(ctx, "n", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range n.Status.Conditions {
			found[c.Type] = c.Status
		}
		if found[v1alpha1.NodeReadonlyFilesystem] == corev1.ConditionTrue && found[v1alpha1.NodeContainerRuntimeUnhealthy] == corev1.ConditionTrue && found[v1alpha1.NodeKernelDeadlock] == corev1.ConditionFalse {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if len(found) != 3 || found[v1alpha1.NodeReadonlyFilesystem] != corev1.ConditionTrue || found[v1alpha1.NodeContainerRuntimeUnhealthy] != corev1.ConditionTrue {
		t.Errorf("conditions %v", found)
	}
	events, err := client.CoreV1().Events(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{})
	if err != nil || len(events.Items) != 1 || events.Items[0].Reason != "FilesystemIsReadOnly" {
		t.Errorf("events %+v, %v", events, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
