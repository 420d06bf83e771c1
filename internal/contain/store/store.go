// Package store keeps Brakes and ContainmentPolicies in a cluster.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/contain"
)

// manager owns the fields that are written here.
const manager = "bulkhead-containment"

// API is a cluster's.
type API struct {
	client rest.Interface
	params runtime.ParameterCodec
}

// New makes a client of the cluster that c leads to.
func New(c *rest.Config) (*API, error) {
	config := rest.CopyConfig(c)
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	config.GroupVersion, config.APIPath = &v1alpha1.GroupVersion, "/apis"
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON // they are CRDs
	client, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("make the client for brakes: %w", err)
	}
	return &API{client, runtime.NewParameterCodec(scheme)}, nil
}

// Install applies a CRD of these kinds, as JSON.
func (a *API) Install(ctx context.Context, plural string, crd []byte) error {
	return a.apply(ctx, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"+plural+"."+v1alpha1.GroupVersion.Group, crd)
}

// Brakes are all, by name.
func (a *API) Brakes(ctx context.Context) ([]v1alpha1.Brake, error) {
	var list v1alpha1.BrakeList
	err := a.client.Get().Resource("brakes").Do(ctx).Into(&list)
	if apierrors.IsNotFound(err) {
		return nil, errors.New("the cluster does not know Brakes: no containment has run there")
	}
	if err != nil {
		return nil, fmt.Errorf("list brakes: %w", err)
	}
	return list.Items, nil
}

// Brake is the one of that name.
func (a *API) Brake(ctx context.Context, name string) (*v1alpha1.Brake, error) {
	var b v1alpha1.Brake
	if err := a.client.Get().Resource("brakes").Name(name).Do(ctx).Into(&b); err != nil {
		return nil, fmt.Errorf("get brake %s: %w", name, err)
	}
	return &b, nil
}

// Write makes the Brake, or brings it to this state. What it held is counted by
// those whom it holds, and left as it is.
func (a *API) Write(ctx context.Context, b *v1alpha1.Brake) error { return a.write(ctx, b, true) }

// Mark writes the labels, the finalizer and the status alone: what a person asked for
// stays his, and what he deleted is not made again.
func (a *API) Mark(ctx context.Context, b *v1alpha1.Brake) error {
	if b.Spec.RequestedBy == contain.Requester {
		return a.write(ctx, b, true) // each apply says all that is ours
	}
	return a.write(ctx, b, false)
}

func (a *API) write(ctx context.Context, b *v1alpha1.Brake, spec bool) error {
	meta := map[string]any{"name": b.Name, "labels": b.Labels}
	if slices.Contains(b.Finalizers, v1alpha1.FinalizerUndo) {
		meta["finalizers"] = []string{v1alpha1.FinalizerUndo} // without it, ours is removed
	}
	bare := map[string]any{"apiVersion": v1alpha1.GroupVersion.String(), "kind": "Brake", "metadata": meta}
	if spec {
		bare["spec"] = b.Spec
	} else {
		meta["uid"] = b.UID
	}
	body, err := json.Marshal(bare)
	if err != nil {
		return err
	}
	path := "/apis/" + v1alpha1.GroupVersion.String() + "/brakes/" + b.Name
	if err := a.apply(ctx, path, body); err != nil {
		if !spec && apierrors.IsConflict(err) {
			return nil // the one of that UID is gone
		}
		return err
	}
	delete(bare, "spec")
	bare["metadata"] = map[string]any{"name": b.Name}
	status := b.Status
	status.Held, status.LastHeld, status.LastHeldAction = 0, nil, ""
	bare["status"] = status
	if body, err = json.Marshal(bare); err != nil {
		return err
	}
	err = a.apply(ctx, path+"/status", body)
	if b.DeletionTimestamp != nil && apierrors.IsNotFound(err) {
		return nil // it went with its finalizer
	}
	return err
}

// Delete removes the Brake, if it is there.
func (a *API) Delete(ctx context.Context, name string) error {
	err := a.client.Delete().Resource("brakes").Name(name).Do(ctx).Error()
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete brake %s: %w", name, err)
	}
	return nil
}

// Release ends a hold before its time.
func (a *API) Release(ctx context.Context, name, by string, at time.Time) error {
	body, err := json.Marshal(map[string]any{"spec": map[string]any{"release": v1alpha1.Release{By: by, At: metav1.NewTime(at.UTC().Truncate(time.Second))}}})
	if err != nil {
		return err
	}
	if err := a.client.Patch(types.MergePatchType).Resource("brakes").Name(name).Body(body).Do(ctx).Error(); err != nil {
		return fmt.Errorf("release brake %s: %w", name, err)
	}
	return nil
}

func (a *API) apply(ctx context.Context, path string, body []byte) error {
	err := a.client.Patch(types.ApplyPatchType).AbsPath(path).Param("fieldManager", manager).Param("force", "true").Body(body).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("apply %s: %w", path, err)
	}
	return nil
}

// listWatch is how a reflector gets all objects of a kind.
func (a *API) listWatch(plural string, list runtime.Object) *cache.ListWatch {
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			out := list.DeepCopyObject()
			err := a.client.Get().Resource(plural).VersionedParams(&o, a.params).Do(ctx).Into(out)
			return out, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.Watch = true
			return a.client.Get().Resource(plural).VersionedParams(&o, a.params).Watch(ctx)
		},
	}
}

// Changes says what comes, changes and goes.
type Changes[T any] struct {
	Put    func(*T)
	Delete func(name string)
	// Synced is called once all that is there has been put.
	Synced func()
}

// WatchBrakes tells of Brakes until ctx ends.
func (a *API) WatchBrakes(ctx context.Context, c Changes[v1alpha1.Brake]) {
	follow(ctx, a.listWatch("brakes", &v1alpha1.BrakeList{}), &v1alpha1.Brake{}, c)
}

// WatchPolicies tells of ContainmentPolicies until ctx ends.
func (a *API) WatchPolicies(ctx context.Context, c Changes[v1alpha1.ContainmentPolicy]) {
	follow(ctx, a.listWatch("containmentpolicies", &v1alpha1.ContainmentPolicyList{}), &v1alpha1.ContainmentPolicy{}, c)
}

func follow[T any](ctx context.Context, lw *cache.ListWatch, kind runtime.Object, c Changes[T]) {
	put := func(o any) {
		if v, ok := o.(*T); ok {
			c.Put(v)
		}
	}
	_, informer := cache.NewInformerWithOptions(cache.InformerOptions{ListerWatcher: lw, ObjectType: kind, Handler: cache.ResourceEventHandlerFuncs{
		AddFunc: put, UpdateFunc: func(_, o any) { put(o) },
		DeleteFunc: func(o any) {
			if d, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = d.Obj
			}
			if v, ok := o.(metav1.Object); ok {
				c.Delete(v.GetName())
			}
		},
	}})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if c.Synced != nil && cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
			c.Synced()
		}
	}()
	informer.RunWithContext(ctx)
	<-done
}
