package daemon

import (
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestReadySince(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	node := func(status v1.ConditionStatus, heartbeat time.Time, taints ...v1.Taint) *v1.Node {
		return &v1.Node{
			Spec: v1.NodeSpec{Taints: taints},
			Status: v1.NodeStatus{Conditions: []v1.NodeCondition{
				{Type: v1.NodeReady, Status: status, LastHeartbeatTime: metav1.NewTime(heartbeat)},
			}},
		}
	}
	for _, tc := range []struct {
		name string
		node *v1.Node
		want bool
	}{
		{"reported in the second of the start", node(v1.ConditionTrue, start.Truncate(time.Second)), true},
		{"reported by the last run", node(v1.ConditionTrue, start.Add(-time.Minute)), false},
		{"not ready", node(v1.ConditionFalse, start.Add(time.Second)), false},
		{"still tainted", node(v1.ConditionTrue, start.Add(time.Second), v1.Taint{Key: v1.TaintNodeNotReady}), false},
		{"tainted by somebody", node(v1.ConditionTrue, start.Add(time.Second), v1.Taint{Key: "mine"}), true},
		{"never reported", &v1.Node{}, false},
	} {
		if got := readySince(start)(tc.node); got != tc.want {
			t.Errorf("%s: ready = %v, want %v", tc.name, got, tc.want)
		}
	}
}
