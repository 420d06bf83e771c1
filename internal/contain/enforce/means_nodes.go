package enforce

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// What others keep of nodes and pools, newest version first.
var (
	machines         = clusterAPI("machines")
	machineChecks    = clusterAPI("machinehealthchecks")
	openShiftChecks  = schema.GroupVersionResource{Group: "machine.openshift.io", Version: "v1beta1", Resource: "machinehealthchecks"}
	nodeHealthChecks = schema.GroupVersionResource{Group: "remediation.medik8s.io", Version: "v1alpha1", Resource: "nodehealthchecks"}
	karpenterPools   = schema.GroupVersionResource{Group: "karpenter.sh", Version: "v1", Resource: "nodepools"}
)

func clusterAPI(resource string) []schema.GroupVersionResource {
	r := schema.GroupResource{Group: "cluster.x-k8s.io", Resource: resource}
	return []schema.GroupVersionResource{r.WithVersion("v1beta2"), r.WithVersion("v1beta1")}
}

// targetNode is the node that a repair is held of, or nil.
func targetNode(ctx context.Context, c Cluster, b *v1alpha1.Brake) (*unstructured.Unstructured, error) {
	if b.Spec.Target.Kind != "Node" {
		return nil, nil
	}
	return c.Get(ctx, nodes, "", b.Spec.Target.Name)
}

// firstOf is all objects of the first of a kind's versions that has any.
func firstOf(ctx context.Context, c Cluster, versions []schema.GroupVersionResource) (schema.GroupVersionResource, []unstructured.Unstructured, error) {
	for _, r := range versions {
		all, err := c.List(ctx, r, "")
		if err != nil || len(all) > 0 {
			return r, all, err
		}
	}
	return versions[0], nil, nil
}

// limitPools lets Karpenter buy no node for a NodePool, or for any: it buys none while
// a pool is over its limits. For one workload alone it knows nothing of the kind.
func limitPools(ctx context.Context, c Cluster, b *v1alpha1.Brake) ([]change, error) {
	t := b.Spec.Target
	if t != (v1alpha1.ObjectRef{}) && t.Kind != "NodePool" {
		return nil, nil
	}
	all, err := c.List(ctx, karpenterPools, "")
	var out []change
	for i := range all {
		if t.Name != "" && t.Name != all[i].GetName() {
			continue
		}
		out = append(out, change{resource: karpenterPools, object: &all[i], done: "Karpenter buys no node for it", edit: func(o map[string]any) error {
			return unstructured.SetNestedField(o, "0", "spec", "limits", "cpu")
		}})
	}
	return out, err
}

// skipMachine makes Cluster API leave the node's machine alone, where it is managed
// from the same cluster.
func skipMachine(ctx context.Context, c Cluster, b *v1alpha1.Brake) ([]change, error) {
	n, err := targetNode(ctx, c, b)
	if n == nil || err != nil {
		return nil, err
	}
	name, namespace := n.GetAnnotations()["cluster.x-k8s.io/machine"], n.GetAnnotations()["cluster.x-k8s.io/cluster-namespace"]
	if name == "" {
		return nil, nil
	}
	for _, r := range machines {
		m, err := c.Get(ctx, r, namespace, name)
		if err != nil {
			return nil, err
		}
		if m != nil {
			return []change{annotate(r, m, "cluster.x-k8s.io/skip-remediation", "true", "health checks leave it alone")}, nil
		}
	}
	return nil, nil
}

// markNode makes the cluster-autoscaler keep the node although it is not ready, and
// Karpenter, which has no pause of its repair, neither consolidate nor replace it.
func markNode(ctx context.Context, c Cluster, b *v1alpha1.Brake) ([]change, error) {
	n, err := targetNode(ctx, c, b)
	if n == nil || err != nil {
		return nil, err
	}
	const scaleDown = "cluster-autoscaler.kubernetes.io/scale-down-disabled"
	if n.GetLabels()["karpenter.sh/nodepool"] == "" {
		return []change{annotate(nodes, n, scaleDown, "true", "the cluster-autoscaler keeps it")}, nil
	}
	return []change{{resource: nodes, object: n, done: "the cluster-autoscaler keeps it, and Karpenter does not consolidate it", edit: func(o map[string]any) error {
		if err := unstructured.SetNestedField(o, "true", "metadata", "annotations", scaleDown); err != nil {
			return err
		}
		return unstructured.SetNestedField(o, "true", "metadata", "annotations", doNotDisrupt)
	}}}, nil
}

// pauseChecks pauses those health checks that know no pause of one node.
func pauseChecks(ctx context.Context, c Cluster, b *v1alpha1.Brake) ([]change, error) {
	var out []change
	paused := [][]schema.GroupVersionResource{{openShiftChecks}}
	if b.Spec.Target.Kind != "Node" {
		paused = append(paused, machineChecks)
	}
	for _, versions := range paused {
		r, all, err := firstOf(ctx, c, versions)
		if err != nil {
			return nil, err
		}
		for i := range all {
			out = append(out, annotate(r, &all[i], "cluster.x-k8s.io/paused", "true", "it is paused"))
		}
	}
	all, err := c.List(ctx, nodeHealthChecks, "")
	for i := range all {
		out = append(out, change{resource: nodeHealthChecks, object: &all[i], done: "it is paused", edit: func(o map[string]any) error {
			requests, _, err := unstructured.NestedStringSlice(o, "spec", "pauseRequests")
			if err != nil {
				return err
			}
			return unstructured.SetNestedStringSlice(o, append(requests, "bulkhead: brake "+b.Name), "spec", "pauseRequests")
		}})
	}
	return out, err
}
