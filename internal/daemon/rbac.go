package daemon

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// grantKubeletAPI lets the API server use the kubelets: their webhook asks the
// API server in turn who may read logs and run commands.
func grantKubeletAPI(ctx context.Context, client kubernetes.Interface) error {
	binding := rbacv1ac.ClusterRoleBinding("bulkhead:kube-apiserver-kubelet-client").
		WithRoleRef(rbacv1ac.RoleRef().WithAPIGroup("rbac.authorization.k8s.io").WithKind("ClusterRole").WithName("system:kubelet-api-admin")).
		WithSubjects(rbacv1ac.Subject().WithAPIGroup("rbac.authorization.k8s.io").WithKind("User").WithName("kube-apiserver-kubelet-client"))
	_, err := client.RbacV1().ClusterRoleBindings().Apply(ctx, binding, metav1.ApplyOptions{FieldManager: "bulkhead", Force: true})
	if err != nil {
		return fmt.Errorf("let the API server use the kubelet: %w", err)
	}
	return nil
}

// grantNodesBrakes lets nodes see Brakes: what a workload's core dumps may take is
// held where they are kept.
func grantNodesBrakes(ctx context.Context, client kubernetes.Interface) error {
	const name = "bulkhead:node-brakes"
	role := rbacv1ac.ClusterRole(name).WithRules(rbacv1ac.PolicyRule().WithAPIGroups(v1alpha1.GroupVersion.Group).WithResources("brakes").WithVerbs("get", "list", "watch"))
	if _, err := client.RbacV1().ClusterRoles().Apply(ctx, role, metav1.ApplyOptions{FieldManager: "bulkhead", Force: true}); err != nil {
		return fmt.Errorf("let nodes see brakes: %w", err)
	}
	binding := rbacv1ac.ClusterRoleBinding(name).
		WithRoleRef(rbacv1ac.RoleRef().WithAPIGroup("rbac.authorization.k8s.io").WithKind("ClusterRole").WithName(name)).
		WithSubjects(rbacv1ac.Subject().WithAPIGroup("rbac.authorization.k8s.io").WithKind("Group").WithName("system:nodes"))
	if _, err := client.RbacV1().ClusterRoleBindings().Apply(ctx, binding, metav1.ApplyOptions{FieldManager: "bulkhead", Force: true}); err != nil {
		return fmt.Errorf("let nodes see brakes: %w", err)
	}
	return nil
}
