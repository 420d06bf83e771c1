package enforce

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// The resources that are changed.
var (
	pods         = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	nodes        = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
	deployments  = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	statefulSets = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}
	daemonSets   = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "daemonsets"}
	replicaSets  = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}
	scalers      = schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}
	budgets      = schema.GroupVersionResource{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"}

	workloadResources = map[string]schema.GroupVersionResource{"Deployment": deployments, "StatefulSet": statefulSets, "DaemonSet": daemonSets}
)

// change is one that a brake wants: of an object that is there, or a new one.
type change struct {
	resource schema.GroupVersionResource
	object   *unstructured.Unstructured
	// done says what was changed, in words.
	done string
	// edit changes a copy of the object; nil if the object is to be made.
	edit func(map[string]any) error
	// stays is Undo.Stays.
	stays bool
}

// means are, in this order, what is changed to hold each action, beside what Bulkhead's own
// autoscaler, repair and scale-down heed by looking for Brakes, and beside the
// admission of new pods.
var means = map[v1alpha1.Action][]func(context.Context, Cluster, *v1alpha1.Brake) ([]change, error){
	v1alpha1.ActionScaleUp:    {holdScalers, delayPending, limitPools},
	v1alpha1.ActionRepair:     {skipMachine, markNode, pauseChecks},
	v1alpha1.ActionRollout:    {holdRollout},
	v1alpha1.ActionRestart:    {oneReplica, pinScalers},
	v1alpha1.ActionDisruption: {holdBudgets, keepPods},
}

// scalersOf are the autoscalers of what a brake targets.
func scalersOf(ctx context.Context, c Cluster, b *v1alpha1.Brake) ([]unstructured.Unstructured, error) {
	t := b.Spec.Target
	namespace := t.Namespace
	if t.Kind == "Namespace" {
		namespace = t.Name
	}
	all, err := c.List(ctx, scalers, namespace)
	if err != nil || t.Namespace == "" {
		return all, err
	}
	return slices.DeleteFunc(all, func(o unstructured.Unstructured) bool {
		kind, _, _ := unstructured.NestedString(o.Object, "spec", "scaleTargetRef", "kind")
		name, _, _ := unstructured.NestedString(o.Object, "spec", "scaleTargetRef", "name")
		return kind != t.Kind || name != t.Name
	}), nil
}

// holdScalers turns scaling up off, and leaves scaling down on.
func holdScalers(ctx context.Context, c Cluster, b *v1alpha1.Brake) ([]change, error) {
	if b.Spec.Target.Kind == "NodePool" {
		return nil, nil
	}
	all, err := scalersOf(ctx, c, b)
	var out []change
	for i := range all {
		out = append(out, change{resource: scalers, object: &all[i], done: "scaling up is off", edit: func(o map[string]any) error {
			return unstructured.SetNestedField(o, "Disabled", "spec", "behavior", "scaleUp", "selectPolicy")
		}})
	}
	return out, err
}

// pinScalers leaves the probe pod alone. It comes last, and so is taken back first: an
// autoscaler that is pinned would bring the number of pods, restored, down again.
func pinScalers(ctx context.Context, c Cluster, b *v1alpha1.Brake) ([]change, error) {
	all, err := scalersOf(ctx, c, b)
	var out []change
	for i := range all {
		out = append(out, change{resource: scalers, object: &all[i], done: "it keeps one pod", edit: func(o map[string]any) error {
			if err := unstructured.SetNestedField(o, int64(1), "spec", "minReplicas"); err != nil {
				return err
			}
			return unstructured.SetNestedField(o, int64(1), "spec", "maxReplicas")
		}})
	}
	return out, err
}

const (
	// delayAnnotation makes the cluster-autoscaler leave a pod alone that waits for
	// a node, until the pod is that old.
	delayAnnotation = "cluster-autoscaler.kubernetes.io/pod-scale-up-delay"
	delay           = "24h"
	// safeToEvict keeps the cluster-autoscaler from removing a pod's node, doNotDisrupt
	// Karpenter; the latter may be on the node as well.
	safeToEvict  = "cluster-autoscaler.kubernetes.io/safe-to-evict"
	doNotDisrupt = "karpenter.sh/do-not-disrupt"
	// maxPods is how many pods one brake changes at most.
	maxPods = 200
)

// podsOf changes the target's pods that are meant, at most maxPods of them.
func podsOf(ctx context.Context, c Cluster, b *v1alpha1.Brake, meant func(*unstructured.Unstructured) bool, changed func(*unstructured.Unstructured) change) ([]change, error) {
	t := b.Spec.Target
	if t.Namespace == "" {
		return nil, nil
	}
	all, err := c.List(ctx, pods, t.Namespace)
	var out []change
	for i := range all {
		if len(out) < maxPods && owns(t, &all[i]) && meant(&all[i]) {
			out = append(out, changed(&all[i]))
		}
	}
	return out, err
}

// keepPods makes those who empty nodes leave the nodes of the target's pods alone, also
// where they do not ask budgets.
func keepPods(ctx context.Context, c Cluster, b *v1alpha1.Brake) ([]change, error) {
	stays := func(pod *unstructured.Unstructured) bool { return pod.GetDeletionTimestamp() == nil }
	return podsOf(ctx, c, b, stays, func(pod *unstructured.Unstructured) change {
		return change{resource: pods, object: pod, done: "the cluster-autoscaler and Karpenter leave its node alone", edit: func(o map[string]any) error {
			if err := unstructured.SetNestedField(o, "false", "metadata", "annotations", safeToEvict); err != nil {
				return err
			}
			return unstructured.SetNestedField(o, "true", "metadata", "annotations", doNotDisrupt)
		}}
	})
}

// delayPending makes the cluster-autoscaler buy no nodes for pods that wait already.
// Those that come are seen to at their admission.
func delayPending(ctx context.Context, c Cluster, b *v1alpha1.Brake) ([]change, error) {
	waits := func(pod *unstructured.Unstructured) bool {
		node, _, _ := unstructured.NestedString(pod.Object, "spec", "nodeName")
		return node == ""
	}
	return podsOf(ctx, c, b, waits, func(pod *unstructured.Unstructured) change {
		return annotate(pods, pod, delayAnnotation, delay, "the cluster-autoscaler buys no node for it")
	})
}

// owns says whether a workload is the topmost owner of a pod, as its own owner is
// named.
func owns(t v1alpha1.ObjectRef, pod *unstructured.Unstructured) bool {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return t.Kind == "Pod" && t.Name == pod.GetName()
	}
	switch {
	case owner.Kind == t.Kind:
		return owner.Name == t.Name
	case t.Kind == "Deployment" && owner.Kind == "ReplicaSet":
		return owner.Name == t.Name+"-"+pod.GetLabels()["pod-template-hash"]
	case t.Kind == "CronJob" && owner.Kind == "Job":
		number, ok := strings.CutPrefix(owner.Name, t.Name+"-")
		return ok && number != "" && strings.Trim(number, "0123456789") == ""
	}
	return false
}

func annotate(r schema.GroupVersionResource, o *unstructured.Unstructured, key, value, done string) change {
	return change{resource: r, object: o, done: done, edit: func(o map[string]any) error {
		return unstructured.SetNestedField(o, value, "metadata", "annotations", key)
	}}
}

// workloadOf is the workload that a brake targets, or nil.
func workloadOf(ctx context.Context, c Cluster, b *v1alpha1.Brake) (schema.GroupVersionResource, *unstructured.Unstructured, error) {
	r, ok := workloadResources[b.Spec.Target.Kind]
	if !ok {
		return r, nil, nil
	}
	o, err := c.Get(ctx, r, b.Spec.Target.Namespace, b.Spec.Target.Name)
	return r, o, err
}

// holdRollout makes no more pods of the new revision, or goes back to the old one.
func holdRollout(ctx context.Context, c Cluster, b *v1alpha1.Brake) ([]change, error) {
	r, o, err := workloadOf(ctx, c, b)
	if o == nil || err != nil {
		return nil, err
	}
	switch r {
	case deployments:
		if b.Spec.Rollback {
			return rollBack(ctx, c, o)
		}
		return []change{{resource: r, object: o, done: "the rollout is paused", edit: func(o map[string]any) error {
			return unstructured.SetNestedField(o, true, "spec", "paused")
		}}}, nil
	case statefulSets:
		return []change{{resource: r, object: o, done: "no further pod is updated", edit: func(o map[string]any) error {
			replicas, found, err := unstructured.NestedInt64(o, "spec", "replicas")
			if err != nil || !found {
				replicas = 1
			}
			return unstructured.SetNestedField(o, replicas, "spec", "updateStrategy", "rollingUpdate", "partition")
		}}}, nil
	}
	return []change{{resource: r, object: o, done: "pods are updated only when they are deleted", edit: func(o map[string]any) error {
		return unstructured.SetNestedMap(o, map[string]any{"type": "OnDelete"}, "spec", "updateStrategy")
	}}}, nil
}

// rollBack gives a Deployment the template of the revision before.
func rollBack(ctx context.Context, c Cluster, o *unstructured.Unstructured) ([]change, error) {
	sets, err := c.List(ctx, replicaSets, o.GetNamespace())
	if err != nil {
		return nil, err
	}
	sets = slices.DeleteFunc(sets, func(s unstructured.Unstructured) bool {
		owner := metav1.GetControllerOf(&s)
		return owner == nil || owner.UID != o.GetUID() || revisionOf(&s) == 0
	})
	slices.SortFunc(sets, func(a, b unstructured.Unstructured) int { return revisionOf(&b) - revisionOf(&a) })
	if len(sets) < 2 {
		return nil, fmt.Errorf("deployment %s has no revision to go back to", o.GetName())
	}
	template, _, err := unstructured.NestedMap(sets[1].Object, "spec", "template")
	if err != nil {
		return nil, err
	}
	template = runtime.DeepCopyJSON(template)
	unstructured.RemoveNestedField(template, "metadata", "labels", "pod-template-hash")
	return []change{{resource: deployments, object: o, stays: true, done: fmt.Sprintf("it is back at revision %d", revisionOf(&sets[1])),
		edit: func(o map[string]any) error { return unstructured.SetNestedMap(o, template, "spec", "template") }}}, nil
}

func revisionOf(set *unstructured.Unstructured) int {
	n, err := strconv.Atoi(set.GetAnnotations()["deployment.kubernetes.io/revision"])
	if err != nil {
		return 0
	}
	return n
}

// oneReplica leaves one pod, as a probe.
func oneReplica(ctx context.Context, c Cluster, b *v1alpha1.Brake) ([]change, error) {
	r, o, err := workloadOf(ctx, c, b)
	if o == nil || err != nil || r != deployments {
		return nil, err
	}
	return []change{{resource: r, object: o, done: "one pod is left, as a probe", edit: func(o map[string]any) error {
		return unstructured.SetNestedField(o, int64(1), "spec", "replicas")
	}}}, nil
}

// holdBudgets lets nothing be evicted: the eviction API can heed one budget of a pod
// only, so that one that is there is changed rather than another made.
func holdBudgets(ctx context.Context, c Cluster, b *v1alpha1.Brake) ([]change, error) {
	_, o, err := workloadOf(ctx, c, b)
	if o == nil || err != nil {
		return nil, err
	}
	labels, _, err := unstructured.NestedStringMap(o.Object, "spec", "template", "metadata", "labels")
	if err != nil {
		return nil, err
	}
	all, err := c.List(ctx, budgets, o.GetNamespace())
	if err != nil {
		return nil, err
	}
	var out []change
	for i := range all {
		if !selects(&all[i], labels) {
			continue
		}
		out = append(out, change{resource: budgets, object: &all[i], done: "it allows no eviction", edit: func(o map[string]any) error {
			unstructured.RemoveNestedField(o, "spec", "minAvailable")
			return unstructured.SetNestedField(o, int64(0), "spec", "maxUnavailable")
		}})
	}
	if len(out) > 0 {
		return out, nil
	}
	selector, _, err := unstructured.NestedMap(o.Object, "spec", "selector")
	if err != nil {
		return nil, err
	}
	budget := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
		"metadata": map[string]any{"name": "bulkhead-" + b.Name, "namespace": o.GetNamespace(), "labels": map[string]any{"bulkhead.dev/brake": b.Name}},
		"spec":     map[string]any{"maxUnavailable": int64(0), "selector": runtime.DeepCopyJSONValue(selector)},
	}}
	return []change{{resource: budgets, object: budget, done: "it was made, and allows no eviction"}}, nil
}

// selects says whether a budget is for pods with these labels.
func selects(budget *unstructured.Unstructured, labels map[string]string) bool {
	spec, _, err := unstructured.NestedMap(budget.Object, "spec", "selector")
	if err != nil || spec == nil {
		return false
	}
	var s metav1.LabelSelector
	if runtime.DefaultUnstructuredConverter.FromUnstructured(spec, &s) != nil {
		return false
	}
	selector, err := metav1.LabelSelectorAsSelector(&s)
	return err == nil && selector.Matches(set(maps.Clone(labels)))
}
