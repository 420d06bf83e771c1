package metrics

import (
	"context"
	"fmt"

	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/apply"
)

// Apply writes the APIService, by which the aggregator knows the group, and the
// role by which everybody who may view a namespace may see its metrics.
func Apply(ctx context.Context, client kubernetes.Interface) error {
	name := Version + "." + Group
	err := apply.JSON(ctx, client.CoreV1().RESTClient(), "/apis/apiregistration.k8s.io/v1/apiservices/"+name, map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1",
		"kind":       "APIService",
		"metadata":   map[string]any{"name": name, "labels": map[string]string{"k8s-app": "metrics-server"}},
		// No service: it is served by the API server's own process.
		"spec": map[string]any{
			"group": Group, "version": Version,
			"groupPriorityMinimum": 100, "versionPriority": 100,
		},
	})
	if err != nil {
		return err
	}
	role := rbacv1ac.ClusterRole("system:aggregated-metrics-reader").
		WithLabels(map[string]string{
			"rbac.authorization.k8s.io/aggregate-to-admin": "true",
			"rbac.authorization.k8s.io/aggregate-to-edit":  "true",
			"rbac.authorization.k8s.io/aggregate-to-view":  "true",
			"k8s-app": "metrics-server",
		}).
		WithRules(rbacv1ac.PolicyRule().WithAPIGroups(Group).WithResources("pods", "nodes").WithVerbs("get", "list", "watch"))
	if _, err := client.RbacV1().ClusterRoles().Apply(ctx, role, apply.Options()); err != nil {
		return fmt.Errorf("apply ClusterRole system:aggregated-metrics-reader: %w", err)
	}
	return nil
}
