package simulated

import (
	"context"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/decide"
)

func TestNodesComeAndGo(t *testing.T) {
	client := fake.NewClientset()
	spec := v1alpha1.NodePoolSpec{Labels: map[string]string{"tier": "web"}, Provider: v1alpha1.PoolProvider{Simulated: &v1alpha1.SimulatedProvider{
		StartDelay: &metav1.Duration{Duration: 30 * time.Millisecond}, Quota: new(int32(2))}}}
	p := New(client, "a", spec, map[string]string{"played": "true"})
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := p.Create(t.Context(), []string{"a-1", "a-2"}); err != nil {
		t.Fatal(err)
	}
	if list, err := p.List(t.Context()); err != nil || len(list) != 2 || list[0].State != decide.Making {
		t.Fatalf("at first %+v, %v", list, err)
	}
	if err := p.Create(t.Context(), []string{"a-3"}); err == nil || !strings.Contains(err.Error(), "2 machines of 2") {
		t.Errorf("beyond the quota: %v", err)
	}
	until(t, func() bool {
		list, err := p.List(t.Context())
		return err == nil && len(list) == 2 && list[0].State == decide.Running && list[1].State == decide.Running
	})
	node, err := client.CoreV1().Nodes().Get(t.Context(), "a-1", metav1.GetOptions{})
	if err != nil || node.Labels["tier"] != "web" || node.Labels["played"] != "true" || node.Labels[v1alpha1.LabelNodePool] != "a" || node.Spec.ProviderID != "simulated://a/a-1" {
		t.Errorf("node %+v, %v", node, err)
	}
	if err := p.Delete(t.Context(), decide.Machine{Name: "a-1"}); err != nil {
		t.Error(err)
	}
	if err := p.Delete(t.Context(), decide.Machine{Name: "a-1"}); err != nil {
		t.Errorf("the second time: %v", err)
	}
	if list, err := p.List(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("left %+v, %v", list, err)
	}
}

func TestOneThatIsTakenBackNeverComes(t *testing.T) {
	client := fake.NewClientset()
	p := New(client, "a", v1alpha1.NodePoolSpec{Provider: v1alpha1.PoolProvider{Simulated: &v1alpha1.SimulatedProvider{StartDelay: &metav1.Duration{Duration: 50 * time.Millisecond}}}}, map[string]string{"played": "true"})
	if err := p.Create(t.Context(), []string{"a-1"}); err != nil {
		t.Fatal(err)
	}
	if err := p.Delete(t.Context(), decide.Machine{Name: "a-1"}); err != nil {
		t.Fatal(err)
	}
	p.group.Wait()
	if list, err := client.CoreV1().Nodes().List(context.Background(), metav1.ListOptions{}); err != nil || len(list.Items) != 0 {
		t.Errorf("it came: %+v, %v", list, err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func until(t *testing.T, is func() bool) {
	t.Helper()
	for range 500 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it never came to that")
}
