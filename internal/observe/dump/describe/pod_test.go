package describe

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

func asPod(t *testing.T, v *view.View) *corev1.Pod {
	t.Helper()
	p, ok := v.Object.(*corev1.Pod)
	if !ok {
		t.Fatalf("%T is not a pod", v.Object)
	}
	return p
}
