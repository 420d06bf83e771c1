package rbac

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
	"k8s.io/component-helpers/auth/rbac/reconciliation"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"
)

// parallel bounds the requests under way: enough for one sync of etcd's log to
// serve many, few enough not to be queued by the API server's own fairness.
const parallel = 16

// task reconciles one object, using what was listed if stored is not nil.
type task struct {
	what string
	run  func(stored *snapshot) error
}

// ensure brings every built-in object to at least its default. It tries all of
// them, whatever happens to one.
func ensure(ctx context.Context, client kubernetes.Interface) error {
	stored, err := list(ctx, client)
	if err != nil {
		return err
	}
	tasks := tasks(client)
	errs := make([]error, len(tasks))
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, t := range tasks {
		group.Go(func() error {
			if ctx.Err() != nil {
				errs[i] = ctx.Err()
				return nil
			}
			if err := reconcile(t, stored); err != nil {
				errs[i] = fmt.Errorf("reconcile %s: %w", t.what, err)
			}
			return nil
		})
	}
	_ = group.Wait() // no task returns an error
	return errors.Join(errs...)
}

// reconcile runs a task on what was listed, and asks again where somebody else
// has changed the object since.
func reconcile(t task, stored *snapshot) error {
	if t.run(stored) == nil {
		return nil
	}
	return retry.OnError(retry.DefaultBackoff, func(err error) bool {
		return apierrors.IsConflict(err) || apierrors.IsServiceUnavailable(err)
	}, func() error { return t.run(nil) })
}

// tasks is the table of all built-in objects.
func tasks(client kubernetes.Interface) []task {
	var list []task
	role := func(what string, owner reconciliation.RuleOwner, live reconciliation.RuleOwnerModifier) {
		list = append(list, task{what + " " + owner.GetName(), func(stored *snapshot) error {
			options := reconciliation.ReconcileRoleOptions{Role: owner.DeepCopyRuleOwner(), Client: live, Confirm: true}
			if stored != nil {
				options.Client = storedRoles{stored, live}
			}
			_, err := options.Run()
			return err
		}})
	}
	binding := func(what string, binding reconciliation.RoleBinding, live reconciliation.RoleBindingModifier) {
		list = append(list, task{what + " " + binding.GetName(), func(stored *snapshot) error {
			options := reconciliation.ReconcileRoleBindingOptions{RoleBinding: binding.DeepCopyRoleBinding(), Client: live, Confirm: true}
			if stored != nil {
				options.Client = storedBindings{stored, live}
			}
			_, err := options.Run()
			return err
		}})
	}

	api, namespaces := client.RbacV1(), client.CoreV1().Namespaces()
	for _, r := range append(bootstrappolicy.ClusterRoles(), bootstrappolicy.ControllerRoles()...) {
		role("ClusterRole", reconciliation.ClusterRoleRuleOwner{ClusterRole: &r}, reconciliation.ClusterRoleModifier{Client: api.ClusterRoles()})
	}
	for _, b := range append(bootstrappolicy.ClusterRoleBindings(), bootstrappolicy.ControllerRoleBindings()...) {
		binding("ClusterRoleBinding", reconciliation.ClusterRoleBindingAdapter{ClusterRoleBinding: &b}, reconciliation.ClusterRoleBindingClientAdapter{Client: api.ClusterRoleBindings()})
	}
	for _, roles := range bootstrappolicy.NamespaceRoles() {
		for _, r := range roles {
			role("Role "+r.Namespace+"/", reconciliation.RoleRuleOwner{Role: &r}, reconciliation.RoleModifier{Client: api, NamespaceClient: namespaces})
		}
	}
	for _, bindings := range bootstrappolicy.NamespaceRoleBindings() {
		for _, b := range bindings {
			binding("RoleBinding "+b.Namespace+"/", reconciliation.RoleBindingAdapter{RoleBinding: &b}, reconciliation.RoleBindingClientAdapter{Client: api, NamespaceClient: namespaces})
		}
	}
	return list
}
