package enforce

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/contain/clustertest"
)

var plurals = map[string]string{
	"Deployment": "deployments", "ReplicaSet": "replicasets", "HorizontalPodAutoscaler": "horizontalpodautoscalers", "PodDisruptionBudget": "poddisruptionbudgets",
	"Pod": "pods", "Node": "nodes", "Machine": "machines", "MachineHealthCheck": "machinehealthchecks", "NodeHealthCheck": "nodehealthchecks", "NodePool": "nodepools",
}

func clusterOf(t *testing.T, text string) *clustertest.Cluster {
	t.Helper()
	c, err := clustertest.Parse(text, plurals)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const shop = `{kind: Deployment, apiVersion: apps/v1, metadata: {namespace: shop, name: web, uid: u1}, spec: {replicas: 5, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: "app:2"}]}}}}
---
{kind: ReplicaSet, apiVersion: apps/v1, metadata: {namespace: shop, name: web-1, annotations: {deployment.kubernetes.io/revision: "1"}, ownerReferences: [{kind: Deployment, name: web, uid: u1, controller: true}]}, spec: {template: {metadata: {labels: {app: web, pod-template-hash: "1"}}, spec: {containers: [{name: app, image: "app:1"}]}}}}
---
{kind: ReplicaSet, apiVersion: apps/v1, metadata: {namespace: shop, name: web-2, annotations: {deployment.kubernetes.io/revision: "2"}, ownerReferences: [{kind: Deployment, name: web, uid: u1, controller: true}]}, spec: {template: {metadata: {labels: {app: web, pod-template-hash: "2"}}, spec: {containers: [{name: app, image: "app:2"}]}}}}
---
{kind: HorizontalPodAutoscaler, apiVersion: autoscaling/v2, metadata: {namespace: shop, name: web}, spec: {minReplicas: 5, maxReplicas: 20, scaleTargetRef: {kind: Deployment, name: web}}}
---
{kind: HorizontalPodAutoscaler, apiVersion: autoscaling/v2, metadata: {namespace: shop, name: other}, spec: {minReplicas: 5, maxReplicas: 20, scaleTargetRef: {kind: Deployment, name: other}}}
---
{kind: Pod, apiVersion: v1, metadata: {namespace: shop, name: web-2-x, labels: {pod-template-hash: "2"}, ownerReferences: [{kind: ReplicaSet, name: web-2, uid: u2, controller: true}]}, spec: {}}
---
{kind: Pod, apiVersion: v1, metadata: {namespace: shop, name: website-2-x, labels: {pod-template-hash: "2"}, ownerReferences: [{kind: ReplicaSet, name: website-2, uid: u3, controller: true}]}, spec: {}}
---
{kind: PodDisruptionBudget, apiVersion: policy/v1, metadata: {namespace: shop, name: other}, spec: {minAvailable: 1, selector: {matchLabels: {app: other}}}}
---
{kind: Node, apiVersion: v1, metadata: {name: n1, labels: {karpenter.sh/nodepool: spot}, annotations: {cluster.x-k8s.io/machine: m1, cluster.x-k8s.io/cluster-namespace: capi}}}
---
{kind: Machine, apiVersion: cluster.x-k8s.io/v1beta1, metadata: {namespace: capi, name: m1}}
---
{kind: MachineHealthCheck, apiVersion: machine.openshift.io/v1beta1, metadata: {namespace: openshift, name: workers}}
---
{kind: MachineHealthCheck, apiVersion: cluster.x-k8s.io/v1beta1, metadata: {namespace: capi, name: workers}}
---
{kind: NodePool, apiVersion: karpenter.sh/v1, metadata: {name: spot}, spec: {limits: {cpu: "100"}}}
---
{kind: NodePool, apiVersion: karpenter.sh/v1, metadata: {name: other}, spec: {limits: {cpu: "100"}}}
---
{kind: NodeHealthCheck, apiVersion: remediation.medik8s.io/v1alpha1, metadata: {name: workers}, spec: {pauseRequests: [upgrade]}}
`

func brake(a v1alpha1.Action, target v1alpha1.ObjectRef) *v1alpha1.Brake {
	b := &v1alpha1.Brake{Spec: v1alpha1.BrakeSpec{Action: a, Target: target}}
	b.Name = "b1"
	return b
}

var (
	web  = v1alpha1.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}
	node = v1alpha1.ObjectRef{Kind: "Node", Name: "n1"}
)

func none(*v1alpha1.Brake) error { return nil }

// Each means changes what it is to change, nothing else, and takes it back whole.
func TestMeansAndTheirUndo(t *testing.T) {
	for _, c := range []struct {
		brake *v1alpha1.Brake
		want  map[string]string // object: what its JSON has
	}{
		{brake(v1alpha1.ActionScaleUp, web), map[string]string{
			"horizontalpodautoscalers/shop/web": `"behavior":{"scaleUp":{"selectPolicy":"Disabled"}}`,
			"pods/shop/web-2-x":                 `"cluster-autoscaler.kubernetes.io/pod-scale-up-delay":"24h"`,
		}},
		{brake(v1alpha1.ActionRepair, node), map[string]string{
			"nodes//n1":                             `"cluster-autoscaler.kubernetes.io/scale-down-disabled":"true",`,
			"machines/capi/m1":                      `"cluster.x-k8s.io/skip-remediation":"true"`,
			"machinehealthchecks/openshift/workers": `"cluster.x-k8s.io/paused":"true"`,
			"nodehealthchecks//workers":             `"pauseRequests":["upgrade","bulkhead: brake b1"]`,
		}},
		{brake(v1alpha1.ActionRollout, web), map[string]string{"deployments/shop/web": `"paused":true`}},
		{brake(v1alpha1.ActionRestart, web), map[string]string{
			"deployments/shop/web":              `"replicas":1`,
			"horizontalpodautoscalers/shop/web": `"maxReplicas":1,"minReplicas":1`,
		}},
		{brake(v1alpha1.ActionDisruption, web), map[string]string{
			"poddisruptionbudgets/shop/bulkhead-b1": `"maxUnavailable":0,"selector":{"matchLabels":{"app":"web"}}`,
			"pods/shop/web-2-x":                     `"cluster-autoscaler.kubernetes.io/safe-to-evict":"false","karpenter.sh/do-not-disrupt":"true"`,
		}},
		{brake(v1alpha1.ActionScaleUp, v1alpha1.ObjectRef{Kind: "NodePool", Name: "spot"}), map[string]string{"nodepools//spot": `"limits":{"cpu":"0"}`}},
		{brake(v1alpha1.ActionRepair, v1alpha1.ObjectRef{}), map[string]string{
			"machinehealthchecks/openshift/workers": `"cluster.x-k8s.io/paused":"true"`,
			"machinehealthchecks/capi/workers":      `"cluster.x-k8s.io/paused":"true"`,
			"nodehealthchecks//workers":             `"pauseRequests":["upgrade","bulkhead: brake b1"]`,
		}},
		{brake(v1alpha1.ActionDisruption, v1alpha1.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "gone"}), nil},
	} {
		m := clusterOf(t, shop)
		before := clusterOf(t, shop)
		saved := 0
		if err := Apply(t.Context(), m, c.brake, func(b *v1alpha1.Brake) error { saved++; return nil }); err != nil {
			t.Fatalf("%s: %v", c.brake.Spec.Action, err)
		}
		changed := 0
		for k, text := range m.Texts() {
			if text != before.Texts()[k] {
				changed++
				if want := c.want[k]; want == "" || !strings.Contains(text, want) {
					t.Errorf("%s: %s became %s", c.brake.Spec.Action, k, text)
				}
			}
		}
		if changed != len(c.want) || saved != len(c.want) || len(c.brake.Status.Undo) != len(c.want) {
			t.Errorf("%s: %d objects changed, %d written down, %d can be taken back; want %d", c.brake.Spec.Action, changed, saved, len(c.brake.Status.Undo), len(c.want))
		}
		again := m.Texts()
		if err := Apply(t.Context(), m, c.brake, none); err != nil || !maps.Equal(m.Texts(), again) {
			t.Errorf("%s: done twice (%v)", c.brake.Spec.Action, err)
		}
		if err := TakeBack(t.Context(), m, c.brake, false); err != nil || !m.Same(before) || len(c.brake.Status.Undo) != 0 {
			t.Errorf("%s: it is not as before (%v):\n%v\n%v", c.brake.Spec.Action, err, m.Texts(), before.Texts())
		}
	}
}

func TestRollbackStaysUntilItIsReleased(t *testing.T) {
	m := clusterOf(t, shop)
	b := brake(v1alpha1.ActionRollout, web)
	b.Spec.Rollback = true
	if err := Apply(t.Context(), m, b, none); err != nil {
		t.Fatal(err)
	}
	if text := m.Texts()["deployments/shop/web"]; !strings.Contains(text, `"app:1"`) || strings.Contains(text, "pod-template-hash") {
		t.Errorf("it is %s", text)
	}
	if err := TakeBack(t.Context(), m, b, false); err != nil || len(b.Status.Undo) != 1 {
		t.Errorf("its end takes it back: %v", err)
	}
	if err := TakeBack(t.Context(), m, b, true); err != nil || !m.Same(clusterOf(t, shop)) {
		t.Errorf("its release does not take it back: %v", err)
	}
}

// What others changed since is theirs.
func TestTakeBackHeedsOthers(t *testing.T) {
	m := clusterOf(t, shop)
	b := brake(v1alpha1.ActionRestart, web)
	if err := Apply(t.Context(), m, b, none); err != nil {
		t.Fatal(err)
	}
	if err := m.Patch(t.Context(), deployments, "shop", "web", []byte(`{"spec":{"replicas":3}}`)); err != nil {
		t.Fatal(err)
	}
	if err := Apply(t.Context(), m, b, none); err != nil {
		t.Fatal(err)
	}
	if err := TakeBack(t.Context(), m, b, true); err != nil {
		t.Fatal(err)
	}
	if text := m.Texts()["deployments/shop/web"]; !strings.Contains(text, `"replicas":3`) {
		t.Errorf("somebody wanted 3 replicas, and it is %s", text)
	}
}

func TestNothingIsChangedThatCannotBeWrittenDown(t *testing.T) {
	m := clusterOf(t, shop)
	full := errors.New("the disk is full")
	b := brake(v1alpha1.ActionRollout, web)
	err := Apply(t.Context(), m, b, func(*v1alpha1.Brake) error { return full })
	if !errors.Is(err, full) || !m.Same(clusterOf(t, shop)) || len(b.Status.Undo) != 0 {
		t.Errorf("%v: %v", err, m.Texts())
	}
}

func TestOwns(t *testing.T) {
	for _, c := range []struct {
		kind, name string // of the pod's owner
		target     v1alpha1.ObjectRef
		want       bool
	}{
		{"ReplicaSet", "web-abc", web, true},
		{"ReplicaSet", "web-site-abc", web, false},
		{"StatefulSet", "db", v1alpha1.ObjectRef{Kind: "StatefulSet", Name: "db"}, true},
		{"Job", "backup-29384", v1alpha1.ObjectRef{Kind: "CronJob", Name: "backup"}, true},
		{"Job", "backup-daily-29384", v1alpha1.ObjectRef{Kind: "CronJob", Name: "backup"}, false},
		{"DaemonSet", "web", web, false},
	} {
		p := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{
			"labels":          map[string]any{"pod-template-hash": "abc"},
			"ownerReferences": []any{map[string]any{"kind": c.kind, "name": c.name, "controller": true, "apiVersion": "v1", "uid": "u"}},
		}}}
		if got := owns(c.target, p); got != c.want {
			t.Errorf("%s %s of %v: %v", c.kind, c.name, c.target, got)
		}
	}
}
