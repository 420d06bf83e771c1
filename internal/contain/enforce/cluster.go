// Package enforce carries brakes out in a cluster, by its API alone, and takes back
// what they changed. So it does the same in our own cluster and in any other.
//
// means.go is the table of what is changed for which action; admission.go has the
// policies by which the API server itself changes new pods.
//
// The rule: what is changed is written down before, with what takes it back, and is
// taken back only if nobody has changed it since.
package enforce

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// Cluster is what is read and changed. What is not there, or of a kind that is not
// served, is no error: there is nothing then.
type Cluster interface {
	Get(ctx context.Context, r schema.GroupVersionResource, namespace, name string) (*unstructured.Unstructured, error)
	List(ctx context.Context, r schema.GroupVersionResource, namespace string) ([]unstructured.Unstructured, error)
	// Patch applies a JSON merge patch.
	Patch(ctx context.Context, r schema.GroupVersionResource, namespace, name string, patch []byte) error
	// Create makes an object, unless there is one of its name.
	Create(ctx context.Context, r schema.GroupVersionResource, o *unstructured.Unstructured) error
	Delete(ctx context.Context, r schema.GroupVersionResource, namespace, name string) error
	// Evict asks for a pod's eviction; that a budget refuses it is an error.
	Evict(ctx context.Context, namespace, name string) error
}

// manager owns the fields that are changed here.
const manager = "bulkhead-containment"

// API is a real cluster.
type API struct{ client dynamic.Interface }

// NewAPI makes a client of the cluster that c leads to.
func NewAPI(c *rest.Config) (*API, error) {
	client, err := dynamic.NewForConfig(c)
	if err != nil {
		return nil, fmt.Errorf("make the client that enforces brakes: %w", err)
	}
	return &API{client}, nil
}

// Get is the object, or nil.
func (a *API) Get(ctx context.Context, r schema.GroupVersionResource, namespace, name string) (*unstructured.Unstructured, error) {
	o, err := a.client.Resource(r).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get %s %s: %w", r.Resource, name, err)
	}
	return o, nil
}

// List is all objects of a namespace, or of all.
func (a *API) List(ctx context.Context, r schema.GroupVersionResource, namespace string) ([]unstructured.Unstructured, error) {
	list, err := a.client.Resource(r).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", r.Resource, err)
	}
	return list.Items, nil
}

// Patch changes the object, if it is there.
func (a *API) Patch(ctx context.Context, r schema.GroupVersionResource, namespace, name string, patch []byte) error {
	_, err := a.client.Resource(r).Namespace(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: manager})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("patch %s %s: %w", r.Resource, name, err)
	}
	return nil
}

// Create makes the object.
func (a *API) Create(ctx context.Context, r schema.GroupVersionResource, o *unstructured.Unstructured) error {
	_, err := a.client.Resource(r).Namespace(o.GetNamespace()).Create(ctx, o, metav1.CreateOptions{FieldManager: manager})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create %s %s: %w", r.Resource, o.GetName(), err)
	}
	return nil
}

// Delete removes the object, if it is there.
func (a *API) Delete(ctx context.Context, r schema.GroupVersionResource, namespace, name string) error {
	err := a.client.Resource(r).Namespace(namespace).Delete(ctx, name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete %s %s: %w", r.Resource, name, err)
	}
	return nil
}

// Evict evicts the pod, if it is there.
func (a *API) Evict(ctx context.Context, namespace, name string) error {
	eviction := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": map[string]any{"namespace": namespace, "name": name}}}
	_, err := a.client.Resource(pods).Namespace(namespace).Create(ctx, eviction, metav1.CreateOptions{FieldManager: manager}, "eviction")
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("evict pod %s: %w", name, err)
	}
	return nil
}
