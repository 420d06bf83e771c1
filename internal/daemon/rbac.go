package daemon

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"
	"k8s.io/client-go/kubernetes"
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
