package nodepool

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// component is who our Events are from.
const component = "bulkhead-nodepools"

// finalizer keeps a NodePool until its machines are given back.
const finalizer = "bulkhead.dev/nodepool"

// API is the cluster, for what is read and written of it.
type API struct {
	kinds  rest.Interface // ours
	client kubernetes.Interface
}

// NewAPI makes clients of the cluster that c leads to.
func NewAPI(c *rest.Config) (*API, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("make the client for node pools: %w", err)
	}
	own := rest.CopyConfig(c)
	own.APIPath, own.GroupVersion = "/apis", &v1alpha1.GroupVersion
	own.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	own.ContentType, own.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	kinds, err := rest.RESTClientFor(own)
	if err != nil {
		return nil, fmt.Errorf("make the client for node pools: %w", err)
	}
	core := rest.CopyConfig(c)
	core.ContentType, core.QPS, core.UserAgent = "application/vnd.kubernetes.protobuf", -1, component
	client, err := kubernetes.NewForConfig(core)
	if err != nil {
		return nil, fmt.Errorf("make the client for node pools: %w", err)
	}
	return &API{kinds, client}, nil
}

// Install applies a definition, whose YAML as JSON is given.
func (a *API) Install(ctx context.Context, name string, crd []byte) error {
	err := a.kinds.Patch(types.ApplyPatchType).AbsPath("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"+name+".bulkhead.dev").
		Param("fieldManager", "bulkhead").Param("force", "true").Body(crd).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("apply the definition of %s: %w", name, err)
	}
	return nil
}

// informer watches all objects of one of our kinds.
func (a *API) informer(plural string, example runtime.Object) cache.SharedIndexInformer {
	return cache.NewSharedIndexInformer(cache.NewListWatchFromClient(a.kinds, plural, "", fields.Everything()), example, 0, cache.Indexers{})
}

// writeStatus makes a pool's status this one.
func (a *API) writeStatus(ctx context.Context, pool string, s *v1alpha1.NodePoolStatus) error {
	now := &v1alpha1.NodePool{}
	if err := a.kinds.Get().Resource("nodepools").Name(pool).Do(ctx).Into(now); err != nil {
		return fmt.Errorf("read node pool %s: %w", pool, err)
	}
	now.Status = *s
	if err := a.kinds.Put().Resource("nodepools").Name(pool).SubResource("status").Body(now).Do(ctx).Error(); err != nil {
		return fmt.Errorf("write the status of node pool %s: %w", pool, err)
	}
	return nil
}

// setFinalizer adds or takes away ours.
func (a *API) setFinalizer(ctx context.Context, p *v1alpha1.NodePool, keep bool) error {
	list := []string{}
	for _, f := range p.Finalizers {
		if f != finalizer {
			list = append(list, f)
		}
	}
	if keep {
		list = append(list, finalizer)
	}
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{"finalizers": list, "resourceVersion": p.ResourceVersion}})
	if err != nil {
		return err
	}
	err = a.kinds.Patch(types.MergePatchType).Resource("nodepools").Name(p.Name).Body(body).Do(ctx).Error()
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("write the finalizers of node pool %s: %w", p.Name, err)
	}
	return nil
}

// recordHeld counts on a Brake that it stopped an action.
func (a *API) recordHeld(ctx context.Context, b *v1alpha1.Brake, n int64, action string, at time.Time) error {
	body, err := json.Marshal(map[string]any{"status": map[string]any{"held": b.Status.Held + n, "lastHeld": metav1.NewTime(at), "lastHeldAction": action}})
	if err != nil {
		return err
	}
	err = a.kinds.Patch(types.MergePatchType).Resource("brakes").Name(b.Name).SubResource("status").Body(body).Do(ctx).Error()
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("write the status of brake %s: %w", b.Name, err)
	}
	return nil
}

// patchNode changes a node; one that is gone is no error.
func (a *API) patchNode(ctx context.Context, node string, patch any) error {
	body, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	_, err = a.client.CoreV1().Nodes().Patch(ctx, node, types.MergePatchType, body, metav1.PatchOptions{FieldManager: component})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("change node %s: %w", node, err)
	}
	return nil
}

func (a *API) deleteNode(ctx context.Context, node string) error {
	err := a.client.CoreV1().Nodes().Delete(ctx, node, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete node %s: %w", node, err)
	}
	return nil
}

// event writes an Event on a pool.
func (a *API) event(ctx context.Context, pool, uid, kind, reason, message string) error {
	now := metav1.NewTime(time.Now())
	e := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, GenerateName: pool + "-"},
		InvolvedObject: corev1.ObjectReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: "NodePool", Name: pool, UID: types.UID(uid)},
		Type:           kind, Reason: reason, Message: message, Source: corev1.EventSource{Component: component}, ReportingController: component,
		FirstTimestamp: now, LastTimestamp: now, Count: 1}
	if _, err := a.client.CoreV1().Events(metav1.NamespaceDefault).Create(ctx, e, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("write an Event on node pool %s: %w", pool, err)
	}
	return nil
}

// trouble says what is wrong with the API server, as seen from here.
func (a *API) trouble(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := a.kinds.Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
		return "the API server is not well: " + err.Error()
	}
	return ""
}
