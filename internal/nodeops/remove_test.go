package nodeops

import (
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func node(name, address string, ready v1.ConditionStatus) *v1.Node {
	return &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status: v1.NodeStatus{
			Addresses:  []v1.NodeAddress{{Type: v1.NodeInternalIP, Address: address}},
			Conditions: []v1.NodeCondition{{Type: v1.NodeReady, Status: ready}},
		},
	}
}

func TestRemove(t *testing.T) {
	server := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Name: "kubernetes", Namespace: "default", Labels: map[string]string{"kubernetes.io/service-name": "kubernetes"}},
		Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{"192.0.2.1"}}},
	}
	for _, tc := range []struct {
		name, remove string
		dryRun       bool
		gone         bool
		wantErr      string
		wantOut      string
	}{
		{"the server's own", "server", false, false, "runs the server", ""},
		{"one that is not there", "other", false, false, "there is no node other", ""},
		{"one that is dead", "dead", false, true, "", "not ready: its pods are deleted with it"},
		{"one that is dead, for show", "dead", true, false, "", "would be removed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client := fake.NewClientset(server, node("server", "192.0.2.1", v1.ConditionTrue), node("dead", "192.0.2.2", v1.ConditionUnknown))
			var out strings.Builder
			err := Remove(t.Context(), client, tc.remove, DrainOptions{DryRun: tc.dryRun, Out: &out, ErrOut: &out})
			if (err == nil) != (tc.wantErr == "") || err != nil && !strings.Contains(err.Error(), tc.wantErr) {
				t.Errorf("error %v, want one with %q", err, tc.wantErr)
			}
			if !strings.Contains(out.String(), tc.wantOut) {
				t.Errorf("it said %q, want %q", out.String(), tc.wantOut)
			}
			_, err = client.CoreV1().Nodes().Get(t.Context(), tc.remove, metav1.GetOptions{})
			if gone := apierrors.IsNotFound(err); tc.wantErr == "" && gone != tc.gone {
				t.Errorf("gone = %v, want %v", gone, tc.gone)
			}
		})
	}
}
