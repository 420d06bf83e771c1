package daemon

import (
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
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

func TestKubeletKnowsAllPods(t *testing.T) {
	pod := func(uid string, change ...func(*v1.Pod)) v1.Pod {
		p := v1.Pod{ObjectMeta: metav1.ObjectMeta{UID: types.UID(uid)}}
		for _, c := range change {
			c(&p)
		}
		return p
	}
	mirror := func(p *v1.Pod) { p.Annotations = map[string]string{v1.MirrorPodAnnotationKey: "x"} }
	over := func(p *v1.Pod) { p.Status.Phase = v1.PodFailed }
	for _, test := range []struct {
		name           string
		kubelets, pods []v1.Pod
		want           bool
	}{
		{"no pods", nil, nil, true},
		{"none known yet", nil, []v1.Pod{pod("a")}, false},
		{"one missing", []v1.Pod{pod("a")}, []v1.Pod{pod("a"), pod("b")}, false},
		{"all known, and one more", []v1.Pod{pod("a"), pod("static")}, []v1.Pod{pod("a"), pod("mirror", mirror)}, true},
		{"what has ended may be gone", nil, []v1.Pod{pod("a", over)}, true},
	} {
		if got := knowsAll(test.kubelets, test.pods); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
