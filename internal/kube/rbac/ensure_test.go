package rbac

import (
	"context"
	"sync/atomic"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/component-helpers/auth/rbac/validation"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"
)

func count(client *fake.Clientset, verb string) (n int) {
	for _, action := range client.Actions() {
		if action.GetVerb() == verb {
			n++
		}
	}
	return n
}

func TestNewClusterGetsEverythingAndASecondRunWritesNothing(t *testing.T) {
	client := fake.NewClientset()
	if err := ensure(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	roles, err := client.RbacV1().ClusterRoles().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want := len(bootstrappolicy.ClusterRoles()) + len(bootstrappolicy.ControllerRoles()); len(roles.Items) != want {
		t.Errorf("%d ClusterRoles, want %d", len(roles.Items), want)
	}
	inKubeSystem, err := client.RbacV1().Roles(metav1.NamespaceSystem).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(inKubeSystem.Items) != len(bootstrappolicy.NamespaceRoles()[metav1.NamespaceSystem]) {
		t.Errorf("%d Roles in kube-system (%v), want %d", len(inKubeSystem.Items), err, len(bootstrappolicy.NamespaceRoles()[metav1.NamespaceSystem]))
	}

	client.ClearActions()
	if err := ensure(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	if len(client.Actions()) != 4 {
		t.Errorf("a second run made %d requests, want the 4 lists: %v", len(client.Actions()), client.Actions())
	}
}

func TestChangedRoleGetsItsRulesBackAndKeepsItsOwn(t *testing.T) {
	client := fake.NewClientset()
	if err := ensure(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	own := rbacv1.PolicyRule{APIGroups: []string{"example.org"}, Resources: []string{"things"}, Verbs: []string{"get"}}
	role, err := client.RbacV1().ClusterRoles().Get(t.Context(), "system:node-proxier", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defaults := role.DeepCopy().Rules
	role.Rules = append(role.Rules[1:], own)
	if _, err := client.RbacV1().ClusterRoles().Update(t.Context(), role, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := ensure(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	role, err = client.RbacV1().ClusterRoles().Get(t.Context(), "system:node-proxier", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// What is put back is split into single rights, so the rules are compared by
	// what they allow.
	if covered, missing := validation.Covers(role.Rules, append(defaults, own)); !covered {
		t.Errorf("%v is not allowed; want the defaults and the administrator's own", missing)
	}
}

func TestCreatedBySomebodyElseMeanwhileIsNoError(t *testing.T) {
	client := fake.NewClientset()
	var refused atomic.Bool
	client.PrependReactor("create", "clusterroles", func(action clienttesting.Action) (bool, runtime.Object, error) {
		created := action.(clienttesting.CreateAction).GetObject().(*rbacv1.ClusterRole)
		if created.Name == "cluster-admin" && refused.CompareAndSwap(false, true) {
			_ = client.Tracker().Add(created)
			return true, nil, apierrors.NewAlreadyExists(rbacv1.Resource("clusterroles"), created.Name)
		}
		return false, nil, nil
	})
	if err := ensure(context.Background(), client); err != nil {
		t.Fatal(err)
	}
	if !refused.Load() || count(client, "get") == 0 {
		t.Error("the conflict did not happen, or was not looked at again")
	}
}
