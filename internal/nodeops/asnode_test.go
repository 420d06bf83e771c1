package nodeops

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// A node that waited for its drained pods was told that it may not ask for them, as
// soon as they were gone.
func TestNodeIsToldThatAPodIsGone(t *testing.T) {
	client := fake.NewClientset()
	client.PrependReactor("get", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(v1.Resource("pods"), "x", nil)
	})
	here := v1.PodList{Items: []v1.Pod{{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "here"}}}}
	client.PrependReactor("list", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		asked := action.(clienttesting.ListAction).GetListRestrictions().Fields
		if node, ok := asked.RequiresExactMatch("spec.nodeName"); !ok || node != "one" {
			t.Errorf("it asks for pods of other nodes too: %s", asked)
		}
		if name, _ := asked.RequiresExactMatch("metadata.name"); name == "here" {
			return true, &here, nil
		}
		return true, &v1.PodList{}, nil
	})
	pods := AsNode(client, "one").CoreV1().Pods("a")
	if pod, err := pods.Get(t.Context(), "here", metav1.GetOptions{}); err != nil || pod.Name != "here" {
		t.Errorf("a pod that is here: %v, %v", pod, err)
	}
	if _, err := pods.Get(t.Context(), "gone", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("a pod that is gone: %v", err)
	}
}
