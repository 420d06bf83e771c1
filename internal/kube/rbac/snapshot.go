package rbac

import (
	"context"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/component-helpers/auth/rbac/reconciliation"
)

// snapshot is what the API held at one time. The cluster's own objects have no
// namespace.
type snapshot struct {
	roles    map[key]reconciliation.RuleOwner
	bindings map[key]reconciliation.RoleBinding
}

type key struct{ namespace, name string }

// list asks for all four kinds. Namespaced ones are asked for in all namespaces:
// the built-in ones are in two.
func list(ctx context.Context, client kubernetes.Interface) (*snapshot, error) {
	s := &snapshot{roles: map[key]reconciliation.RuleOwner{}, bindings: map[key]reconciliation.RoleBinding{}}
	api, all := client.RbacV1(), metav1.ListOptions{}
	clusterRoles, err := api.ClusterRoles().List(ctx, all)
	if err != nil {
		return nil, fmt.Errorf("list ClusterRoles: %w", err)
	}
	for _, r := range clusterRoles.Items {
		s.roles[key{"", r.Name}] = reconciliation.ClusterRoleRuleOwner{ClusterRole: &r}
	}
	clusterBindings, err := api.ClusterRoleBindings().List(ctx, all)
	if err != nil {
		return nil, fmt.Errorf("list ClusterRoleBindings: %w", err)
	}
	for _, b := range clusterBindings.Items {
		s.bindings[key{"", b.Name}] = reconciliation.ClusterRoleBindingAdapter{ClusterRoleBinding: &b}
	}
	roles, err := api.Roles(metav1.NamespaceAll).List(ctx, all)
	if err != nil {
		return nil, fmt.Errorf("list Roles: %w", err)
	}
	for _, r := range roles.Items {
		s.roles[key{r.Namespace, r.Name}] = reconciliation.RoleRuleOwner{Role: &r}
	}
	bindings, err := api.RoleBindings(metav1.NamespaceAll).List(ctx, all)
	if err != nil {
		return nil, fmt.Errorf("list RoleBindings: %w", err)
	}
	for _, b := range bindings.Items {
		s.bindings[key{b.Namespace, b.Name}] = reconciliation.RoleBindingAdapter{RoleBinding: &b}
	}
	return s, nil
}

// storedRoles reads from a snapshot and writes to the API.
type storedRoles struct {
	stored *snapshot
	reconciliation.RuleOwnerModifier
}

func (s storedRoles) Get(namespace, name string) (reconciliation.RuleOwner, error) {
	if owner, ok := s.stored.roles[key{namespace, name}]; ok {
		return owner.DeepCopyRuleOwner(), nil
	}
	return nil, apierrors.NewNotFound(rbacv1.Resource("roles"), name)
}

// storedBindings reads from a snapshot and writes to the API.
type storedBindings struct {
	stored *snapshot
	reconciliation.RoleBindingModifier
}

func (s storedBindings) Get(namespace, name string) (reconciliation.RoleBinding, error) {
	if binding, ok := s.stored.bindings[key{namespace, name}]; ok {
		return binding.DeepCopyRoleBinding(), nil
	}
	return nil, apierrors.NewNotFound(rbacv1.Resource("rolebindings"), name)
}
