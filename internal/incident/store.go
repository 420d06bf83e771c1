package incident

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	clientrest "k8s.io/client-go/rest"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// component is the source of our Events, and the owner of the fields we write.
const component = "bulkhead"

const crdPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/incidents.bulkhead.dev"

// API keeps Incidents in a cluster, as server-side applies of whole objects.
type API struct{ client clientrest.Interface }

// NewAPI makes a client of the cluster that c leads to.
func NewAPI(c *clientrest.Config) (*API, error) {
	config := clientrest.CopyConfig(c)
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	config.GroupVersion = &schema.GroupVersion{}
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON // all of it is CRDs
	client, err := clientrest.RESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("make the client for incidents: %w", err)
	}
	return &API{client}, nil
}

// Install applies the CRD of Incidents, whose YAML as JSON is given.
func (a *API) Install(ctx context.Context, crd []byte) error {
	return a.apply(ctx, crdPath, crd)
}

// List gives all Incidents.
func (a *API) List(ctx context.Context) ([]v1alpha1.Incident, error) {
	body, err := a.client.Get().AbsPath("/apis/bulkhead.dev/v1alpha1/incidents").Do(ctx).Raw()
	if err != nil {
		return nil, fmt.Errorf("list incidents: %w", err)
	}
	var list v1alpha1.IncidentList
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("list incidents: %w", err)
	}
	return list.Items, nil
}

// Write makes the object and its status what in says.
func (a *API) Write(ctx context.Context, in *v1alpha1.Incident) error {
	bare := map[string]any{"apiVersion": in.APIVersion, "kind": in.Kind, "metadata": map[string]any{"name": in.Name, "namespace": in.Namespace}}
	if in.APIVersion == "" {
		bare["apiVersion"], bare["kind"] = v1alpha1.GroupVersion.String(), "Incident"
	}
	body, err := json.Marshal(bare)
	if err != nil {
		return err
	}
	if err := a.apply(ctx, place(in), body); err != nil {
		return err
	}
	bare["status"] = in.Status
	if body, err = json.Marshal(bare); err != nil {
		return err
	}
	return a.apply(ctx, place(in)+"/status", body)
}

// Delete removes the object, if it is there.
func (a *API) Delete(ctx context.Context, in *v1alpha1.Incident) error {
	err := a.client.Delete().AbsPath(place(in)).Do(ctx).Error()
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func place(in *v1alpha1.Incident) string {
	return "/apis/bulkhead.dev/v1alpha1/namespaces/" + in.Namespace + "/incidents/" + in.Name
}

func (a *API) apply(ctx context.Context, path string, body []byte) error {
	err := a.client.Patch(types.ApplyPatchType).AbsPath(path).Param("fieldManager", component).Param("force", "true").Body(body).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("apply %s: %w", path, err)
	}
	return nil
}

// permanent says that to try again would not help: the namespace is gone, or the
// object is refused.
func permanent(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.IsInvalid(err) || apierrors.IsForbidden(err)
}

// Announce writes an Event on the culprit, so that `kubectl describe` shows it.
func (a *API) Announce(ctx context.Context, in *v1alpha1.Incident, uid string) error {
	c := in.Status.FirstCause
	if c.Object == (v1alpha1.ObjectRef{}) {
		return nil
	}
	namespace := c.Object.Namespace
	if namespace == "" {
		namespace = "default" // as the API wants it for what has no namespace
	}
	now := metav1.NewTime(time.Now())
	e := corev1.Event{
		TypeMeta:       metav1.TypeMeta{APIVersion: "v1", Kind: "Event"},
		ObjectMeta:     metav1.ObjectMeta{Namespace: namespace, Name: in.Name},
		InvolvedObject: corev1.ObjectReference{APIVersion: apiVersions[c.Object.Kind], Kind: c.Object.Kind, Namespace: c.Object.Namespace, Name: c.Object.Name, UID: types.UID(uid)},
		Type:           corev1.EventTypeWarning, Reason: "FirstCause",
		Message: clip(c.Reason+": "+c.Message+". Incident "+in.Namespace+"/"+in.Name+"; `bulkhead why` tells the story.", 1000),
		Source:  corev1.EventSource{Component: component}, ReportingController: component,
		FirstTimestamp: now, LastTimestamp: now, Count: 1,
	}
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	err = a.client.Post().AbsPath("/api/v1/namespaces/" + namespace + "/events").Body(body).Do(ctx).Error()
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write an Event on %s/%s: %w", c.Object.Kind, c.Object.Name, err)
	}
	return nil
}

// apiVersions are those of the kinds that have causes most.
var apiVersions = map[string]string{
	"Pod": "v1", "Node": "v1", "Service": "v1", "ConfigMap": "v1", "Secret": "v1", "PersistentVolumeClaim": "v1", "ResourceQuota": "v1",
	"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "ReplicaSet": "apps/v1", "Job": "batch/v1", "CronJob": "batch/v1",
}
