package enforce

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

var (
	policies = schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingadmissionpolicies"}
	bindings = schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingadmissionpolicybindings"}
)

// ofTarget says, in CEL, that a pod belongs to a brake's target, by the name of its
// own owner.
const ofTarget = `has(params.spec.target) && (
  params.spec.target.kind == 'Namespace' ? params.spec.target.name == request.namespace :
  has(params.spec.target.namespace) && params.spec.target.namespace == request.namespace &&
  has(object.metadata.ownerReferences) && object.metadata.ownerReferences.exists(o,
    has(o.controller) && o.controller && (
      o.kind == params.spec.target.kind && o.name == params.spec.target.name ||
      params.spec.target.kind == 'Deployment' && o.kind == 'ReplicaSet' &&
        has(object.metadata.labels) && 'pod-template-hash' in object.metadata.labels &&
        o.name == params.spec.target.name + '-' + object.metadata.labels['pod-template-hash'] ||
      params.spec.target.kind == 'CronJob' && o.kind == 'Job' &&
        o.name.startsWith(params.spec.target.name + '-') &&
        o.name.substring(size(params.spec.target.name) + 1).matches('^[0-9]+$'))))`

// confine adds to each of a pod's own demands on nodes that the node is one of the
// brake's: terms are alternatives, and a name can be compared with one value only, so
// there is one for each of the pod's terms and each node. By name rather than by a
// label: a node that is not there yet has no name, so that none is bought for it. It
// is a JSON patch, since the terms cannot be merged.
const confine = `(has(object.spec.affinity) ? [] : [JSONPatch{op: 'add', path: '/spec/affinity', value: Object.spec.affinity{}}]) +
(has(object.spec.affinity) && has(object.spec.affinity.nodeAffinity) ? [] :
  [JSONPatch{op: 'add', path: '/spec/affinity/nodeAffinity', value: Object.spec.affinity.nodeAffinity{}}]) +
[JSONPatch{op: 'add', path: '/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution',
  value: Object.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution{
    nodeSelectorTerms: params.spec.nodes.map(n, variables.terms.map(t,
      Object.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms{
        matchExpressions: has(t.matchExpressions) ? t.matchExpressions.map(e,
          Object.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms.matchExpressions{
            key: e.key, operator: e.operator, values: has(e.values) ? e.values : []}) : [],
        matchFields: (has(t.matchFields) ? t.matchFields.map(e,
          Object.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms.matchFields{
            key: e.key, operator: e.operator, values: has(e.values) ? e.values : []}) : []) + [
          Object.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms.matchFields{
            key: 'metadata.name', operator: 'In', values: [n]}]
      })).flatten()}}]`

// terms are a pod's own demands on nodes; one without any, if it has none.
const terms = `has(object.spec.affinity) && has(object.spec.affinity.nodeAffinity) &&
  has(object.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution) ?
  object.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms : [dyn({})]`

// postpone makes the cluster-autoscaler buy no node for a new pod.
const postpone = `Object{metadata: Object.metadata{annotations: {'` + delayAnnotation + `': '` + delay + `'}}}`

// bound gives containers without a limit for the node's disk one.
const bound = `Object{spec: Object.spec{containers: object.spec.containers.filter(c,
    !has(c.resources) || !has(c.resources.limits) || !('ephemeral-storage' in c.resources.limits)).map(c,
  Object.spec.containers{name: c.name, resources: Object.spec.containers.resources{limits: {'ephemeral-storage': string(params.spec.diskBytes)}}})}}`

// admission is a policy by which the API server changes new pods of a target.
type admission struct {
	variables, condition string
	// One of the two says what is changed.
	apply, patch string
}

func (a admission) mutation() map[string]any {
	if a.patch != "" {
		return map[string]any{"patchType": "JSONPatch", "jsonPatch": map[string]any{"expression": a.patch}}
	}
	return map[string]any{"patchType": "ApplyConfiguration", "applyConfiguration": map[string]any{"expression": a.apply}}
}

var admissions = map[v1alpha1.Action]admission{
	v1alpha1.ActionSpread:  {variables: terms, condition: "has(params.spec.nodes) && size(params.spec.nodes) > 0", patch: confine},
	v1alpha1.ActionScaleUp: {apply: postpone},
	v1alpha1.ActionDiskUse: {condition: "has(params.spec.diskBytes) && params.spec.diskBytes > 0", apply: bound},
}

// ByAdmission are the actions that are held by what the API server does to new pods.
func ByAdmission(a v1alpha1.Action) bool {
	_, ok := admissions[a]
	return ok
}

func admissionName(a v1alpha1.Action) string { return "bulkhead-" + strings.ToLower(string(a)) }

// Admit makes the API server heed the Brakes of an action that have the label
// LabelHolds. The Brakes are the policy's parameters: it is one for all of them, and
// a Brake holds from when the API server sees it on. If it cannot be evaluated, pods
// are admitted as they are.
func Admit(ctx context.Context, c Cluster, a v1alpha1.Action) error {
	ad := admissions[a]
	conditions := []any{}
	if ad.condition != "" {
		conditions = append(conditions, map[string]any{"name": "says-how", "expression": ad.condition})
	}
	spec := map[string]any{
		"paramKind": map[string]any{"apiVersion": v1alpha1.GroupVersion.String(), "kind": "Brake"},
		"matchConstraints": map[string]any{"resourceRules": []any{map[string]any{
			"apiGroups": []any{""}, "apiVersions": []any{"v1"}, "resources": []any{"pods"}, "operations": []any{"CREATE"},
		}}},
		"matchConditions":    append(conditions, map[string]any{"name": "of-the-target", "expression": ofTarget}),
		"failurePolicy":      "Ignore",
		"reinvocationPolicy": "Never",
		"mutations":          []any{ad.mutation()},
	}
	if ad.variables != "" {
		spec["variables"] = []any{map[string]any{"name": "terms", "expression": ad.variables}}
	}
	policy := admissionObject("MutatingAdmissionPolicy", a, spec)
	binding := admissionObject("MutatingAdmissionPolicyBinding", a, map[string]any{
		"policyName": admissionName(a),
		"paramRef":   map[string]any{"selector": map[string]any{"matchLabels": map[string]any{v1alpha1.LabelHolds: string(a)}}, "parameterNotFoundAction": "Allow"},
	})
	if err := c.Create(ctx, policies, policy); err != nil {
		return fmt.Errorf("hold %s of new pods: %w; that needs Kubernetes 1.36 or later", a, err)
	}
	return c.Create(ctx, bindings, binding)
}

func admissionObject(kind string, a v1alpha1.Action, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": policies.GroupVersion().String(), "kind": kind,
		"metadata": map[string]any{"name": admissionName(a), "labels": map[string]any{"app.kubernetes.io/managed-by": "bulkhead"}}, "spec": spec,
	}}
}

// Dismiss takes the policy of an action away.
func Dismiss(ctx context.Context, c Cluster, a v1alpha1.Action) error {
	if err := c.Delete(ctx, bindings, "", admissionName(a)); err != nil {
		return err
	}
	return c.Delete(ctx, policies, "", admissionName(a))
}
