package nodeops

import (
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestTurn(t *testing.T) {
	cordoned := func(n *v1.Node) *v1.Node { n.Spec.Unschedulable = true; return n }
	self := func() *v1.Node { return node("self", "192.0.2.1", v1.ConditionTrue) }
	for _, tc := range []struct {
		name    string
		nodes   []*v1.Node
		drain   bool
		wantErr string
	}{
		{"alone: nowhere to go", []*v1.Node{self()}, false, ""},
		{"others are well", []*v1.Node{self(), node("b", "192.0.2.2", v1.ConditionTrue)}, true, ""},
		{"begun before", []*v1.Node{cordoned(self()), node("b", "192.0.2.2", v1.ConditionTrue)}, true, ""},
		{"another is being upgraded", []*v1.Node{self(), cordoned(node("b", "192.0.2.2", v1.ConditionTrue))}, false, "b is cordoned"},
		{"another is down", []*v1.Node{self(), node("b", "192.0.2.2", v1.ConditionUnknown), node("c", "192.0.2.3", v1.ConditionTrue)}, false, "b is not ready"},
	} {
		client := fake.NewClientset()
		for _, n := range tc.nodes {
			if err := client.Tracker().Add(n); err != nil {
				t.Fatal(err)
			}
		}
		was := tc.nodes[0].Spec.Unschedulable
		turn, err := TakeTurn(t.Context(), client, "self", TurnOptions{})
		if (err == nil) != (tc.wantErr == "") || err != nil && !strings.Contains(err.Error(), tc.wantErr) {
			t.Errorf("%s: error %v, want one with %q", tc.name, err, tc.wantErr)
		}
		if err == nil && turn.Drain != tc.drain {
			t.Errorf("%s: drain = %v, want %v", tc.name, turn.Drain, tc.drain)
		}
		got, err := client.CoreV1().Nodes().Get(t.Context(), "self", metav1.GetOptions{})
		if err != nil || got.Spec.Unschedulable != (was || tc.drain) {
			t.Errorf("%s: cordoned = %v, want %v (%v)", tc.name, got.Spec.Unschedulable, was || tc.drain, err)
		}
	}
}
