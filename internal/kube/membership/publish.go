package membership

import (
	"context"
	"encoding/json"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	admissionac "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/apply"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/bootstraptoken"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/relay"
)

const (
	nodes   = "system:nodes"
	rbacAPI = "rbac.authorization.k8s.io"
)

// Publish writes what joining and joined machines read, and their rights.
func Publish(ctx context.Context, client kubernetes.Interface, s Settings) error {
	for _, step := range []func(context.Context, kubernetes.Interface) error{publishRoles, publishBindings, publishVolumePolicy} {
		if err := step(ctx, client); err != nil {
			return fmt.Errorf("let other machines join: %w", err)
		}
	}
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode the cluster's settings: %w", err)
	}
	settings := corev1ac.ConfigMap(settingsName, metav1.NamespaceSystem).WithData(map[string]string{settingsKey: string(data)})
	if _, err := client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Apply(ctx, settings, apply.Options()); err != nil {
		return fmt.Errorf("publish the cluster's settings: %w", err)
	}
	return nil
}

func rule(groups, resources, verbs []string) *rbacv1ac.PolicyRuleApplyConfiguration {
	return rbacv1ac.PolicyRule().WithAPIGroups(groups...).WithResources(resources...).WithVerbs(verbs...)
}

func publishRoles(ctx context.Context, client kubernetes.Interface) error {
	read := []string{"get", "list", "watch"}
	// What the daemon of a node does beside kubelet and kube-proxy: DNS, volumes on
	// this node's disk, drains.
	node := rbacv1ac.ClusterRole("bulkhead:node").WithRules(
		rule([]string{""}, []string{"namespaces", "services", "persistentvolumeclaims"}, read),
		// To tell, at a drain of itself, which pods would come back at once.
		rule([]string{"apps"}, []string{"daemonsets"}, []string{"get"}),
		rule([]string{"discovery.k8s.io"}, []string{"endpointslices"}, read),
		rule([]string{"storage.k8s.io"}, []string{"storageclasses"}, read),
		rule([]string{""}, []string{"persistentvolumes"}, append([]string{"create", "delete", "patch", "update"}, read...)),
		// What is observed there.
		rbacv1ac.PolicyRule().WithNonResourceURLs(relay.Path).WithVerbs("post"),
	)
	// To see that no machine of its name is there already.
	joining := rbacv1ac.ClusterRole("bulkhead:joining").WithRules(rule([]string{""}, []string{"nodes"}, []string{"get"}))
	for _, role := range []*rbacv1ac.ClusterRoleApplyConfiguration{node, joining} {
		if _, err := client.RbacV1().ClusterRoles().Apply(ctx, role, apply.Options()); err != nil {
			return err
		}
	}
	settings := rbacv1ac.Role(settingsName, metav1.NamespaceSystem).WithRules(
		rule([]string{""}, []string{"configmaps"}, []string{"get"}).WithResourceNames(settingsName))
	if _, err := client.RbacV1().Roles(metav1.NamespaceSystem).Apply(ctx, settings, apply.Options()); err != nil {
		return err
	}
	binding := rbacv1ac.RoleBinding(settingsName, metav1.NamespaceSystem).
		WithRoleRef(rbacv1ac.RoleRef().WithAPIGroup(rbacAPI).WithKind("Role").WithName(settingsName)).
		WithSubjects(group(nodes), group(bootstraptoken.Group))
	_, err := client.RbacV1().RoleBindings(metav1.NamespaceSystem).Apply(ctx, binding, apply.Options())
	return err
}

func group(name string) *rbacv1ac.SubjectApplyConfiguration {
	return rbacv1ac.Subject().WithAPIGroup(rbacAPI).WithKind("Group").WithName(name)
}

// publishBindings gives the roles that upstream has for this, and ours
// (https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/).
func publishBindings(ctx context.Context, client kubernetes.Interface) error {
	for _, b := range []struct{ name, role, group string }{
		{"bulkhead:joining", "bulkhead:joining", bootstraptoken.Group},
		{"bulkhead:joining-ask-for-certificates", "system:node-bootstrapper", bootstraptoken.Group},
		{"bulkhead:joining-get-certificates", "system:certificates.k8s.io:certificatesigningrequests:nodeclient", bootstraptoken.Group},
		{"bulkhead:nodes-renew-certificates", "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient", nodes},
		{"bulkhead:nodes", "bulkhead:node", nodes},
		{"bulkhead:nodes-proxy", "system:node-proxier", nodes},
	} {
		binding := rbacv1ac.ClusterRoleBinding(b.name).
			WithRoleRef(rbacv1ac.RoleRef().WithAPIGroup(rbacAPI).WithKind("ClusterRole").WithName(b.role)).
			WithSubjects(group(b.group))
		if _, err := client.RbacV1().ClusterRoleBindings().Apply(ctx, binding, apply.Options()); err != nil {
			return err
		}
	}
	return nil
}

// publishVolumePolicy keeps a node to volumes on itself. RBAC has no such
// distinction.
func publishVolumePolicy(ctx context.Context, client kubernetes.Interface) error {
	const name = "bulkhead-nodes-own-volumes"
	// Of both, or a node could make another's volume its own by changing it.
	onIt := func(volume string) *admissionac.ValidationApplyConfiguration {
		return admissionac.Validation().WithMessage("a node may only make, change and delete volumes on itself").
			WithExpression(volume + " == null || request.userInfo.username.startsWith('system:node:') && " +
				volume + ".spec.nodeAffinity.required.nodeSelectorTerms.all(t, t.matchExpressions.exists(e, " +
				"e.key == 'kubernetes.io/hostname' && e.operator == 'In' && e.values == [request.userInfo.username.substring(12)]))")
	}
	policy := admissionac.ValidatingAdmissionPolicy(name).WithSpec(admissionac.ValidatingAdmissionPolicySpec().
		WithFailurePolicy(admissionregistrationv1.Fail).
		WithMatchConstraints(admissionac.MatchResources().WithResourceRules(admissionac.NamedRuleWithOperations().
			WithAPIGroups("").WithAPIVersions("v1").WithResources("persistentvolumes").
			WithOperations(admissionregistrationv1.Create, admissionregistrationv1.Update, admissionregistrationv1.Delete))).
		WithMatchConditions(admissionac.MatchCondition().WithName("asked-by-a-node").
			WithExpression("'system:nodes' in request.userInfo.groups")).
		WithValidations(onIt("object"), onIt("oldObject")))
	if _, err := client.AdmissionregistrationV1().ValidatingAdmissionPolicies().Apply(ctx, policy, apply.Options()); err != nil {
		return err
	}
	binding := admissionac.ValidatingAdmissionPolicyBinding(name).WithSpec(admissionac.ValidatingAdmissionPolicyBindingSpec().
		WithPolicyName(name).WithValidationActions(admissionregistrationv1.Deny))
	_, err := client.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Apply(ctx, binding, apply.Options())
	return err
}
