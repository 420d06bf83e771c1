package e2e

import (
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// as returns a client with a token of a ServiceAccount of the namespace.
func (s *space) as(account string) kubernetes.Interface {
	s.Helper()
	token, err := kube.CoreV1().ServiceAccounts(s.name).CreateToken(s.ctx, account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	s.must(err)
	config := rest.AnonymousClientConfig(access)
	config.BearerToken = token.Status.Token
	client, err := kubernetes.NewForConfig(config)
	s.must(err)
	return client
}

func TestRBAC(t *testing.T) {
	s := newSpace(t)
	reader := s.as("default")
	// A fresh account may nothing.
	if _, err := reader.CoreV1().ConfigMaps(s.name).List(s.ctx, metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("without a role, a list gives %v, want that it is forbidden", err)
	}
	_, err := kube.RbacV1().Roles(s.name).Create(s.ctx, &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "reader"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list"}}},
	}, metav1.CreateOptions{})
	s.must(err)
	_, err = kube.RbacV1().RoleBindings(s.name).Create(s.ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "reader"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Name: "default", Namespace: s.name}},
		RoleRef:    rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "Role", Name: "reader"},
	}, metav1.CreateOptions{})
	s.must(err)
	s.eventually(10*time.Second, "the account may list", func() error {
		_, err := reader.CoreV1().ConfigMaps(s.name).List(s.ctx, metav1.ListOptions{})
		return err
	})
	forbidden := map[string]error{}
	_, forbidden["create"] = reader.CoreV1().ConfigMaps(s.name).Create(s.ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "x"}}, metav1.CreateOptions{})
	_, forbidden["list in another namespace"] = reader.CoreV1().ConfigMaps("kube-system").List(s.ctx, metav1.ListOptions{})
	_, forbidden["list secrets"] = reader.CoreV1().Secrets(s.name).List(s.ctx, metav1.ListOptions{})
	_, forbidden["escalate"] = reader.RbacV1().Roles(s.name).Create(s.ctx, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "x"}}, metav1.CreateOptions{})
	for what, err := range forbidden {
		if !apierrors.IsForbidden(err) {
			t.Errorf("%s: %v, want that it is forbidden", what, err)
		}
	}
	review, err := reader.AuthorizationV1().SelfSubjectAccessReviews().Create(s.ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: s.name, Verb: "get", Resource: "configmaps"}},
	}, metav1.CreateOptions{})
	s.must(err)
	if !review.Status.Allowed {
		t.Errorf("asked itself, the account may not get: %+v", review.Status)
	}
}

// A node may only write about itself and read what its pods need.
func TestNodeAuthorizer(t *testing.T) {
	s := newSpace(t)
	config := rest.CopyConfig(access)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:node:someone-else", Groups: []string{"system:nodes", "system:authenticated"}}
	node, err := kubernetes.NewForConfig(config)
	s.must(err)
	nodes, err := kube.CoreV1().Nodes().List(s.ctx, metav1.ListOptions{})
	s.must(err)
	stolen := nodes.Items[0].DeepCopy()
	stolen.Labels["e2e.bulkhead.dev/stolen"] = "yes"
	if _, err := node.CoreV1().Nodes().Update(s.ctx, stolen, metav1.UpdateOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("another node writes this node: %v", err)
	}
	_, err = kube.CoreV1().Secrets(s.name).Create(s.ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "mine"}}, metav1.CreateOptions{})
	s.must(err)
	if _, err := node.CoreV1().Secrets(s.name).Get(s.ctx, "mine", metav1.GetOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("a node reads a Secret of none of its pods: %v", err)
	}
}

func TestServerSideApply(t *testing.T) {
	s := newSpace(t)
	apply := func(manager string, force bool, data map[string]string) (*corev1.ConfigMap, error) {
		return kube.CoreV1().ConfigMaps(s.name).Apply(s.ctx, applycorev1.ConfigMap("shared", s.name).WithData(data), metav1.ApplyOptions{FieldManager: manager, Force: force})
	}
	_, err := apply("alice", false, map[string]string{"color": "green", "size": "small"})
	s.must(err)
	_, err = apply("bob", false, map[string]string{"shape": "round"})
	s.must(err)
	_, err = apply("bob", false, map[string]string{"shape": "round", "color": "blue"})
	if !apierrors.IsConflict(err) {
		t.Errorf("bob changes alice's field: %v, want a conflict", err)
	} else if err := wantError(err, `conflict with "alice"`, ".data.color"); err != nil {
		t.Error(err)
	}
	_, err = apply("bob", true, map[string]string{"shape": "round", "color": "blue"})
	s.must(err)
	// What a manager no longer names goes, unless another has it.
	got, err := apply("alice", true, map[string]string{})
	s.must(err)
	if len(got.Data) != 2 || got.Data["color"] != "blue" || got.Data["shape"] != "round" {
		t.Errorf("after alice let go, the data is %v", got.Data)
	}
}
