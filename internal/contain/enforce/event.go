package enforce

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

var events = schema.GroupVersionResource{Version: "v1", Resource: "events"}

// component is the source of our Events. The diagnosis passes over them: what we do
// is no evidence for what we think.
const component = "bulkhead"

// kinds are those that brakes target, with where they are.
var kinds = map[string]schema.GroupVersionResource{
	"Deployment": deployments, "StatefulSet": statefulSets, "DaemonSet": daemonSets, "Node": nodes, "Pod": pods,
	"Job":       {Group: "batch", Version: "v1", Resource: "jobs"},
	"CronJob":   {Group: "batch", Version: "v1", Resource: "cronjobs"},
	"Namespace": {Version: "v1", Resource: "namespaces"},
	"NodePool":  v1alpha1.GroupVersion.WithResource("nodepools"),
	"Brake":     v1alpha1.GroupVersion.WithResource("brakes"),
}

// Group is the API group of a kind that brakes target.
func Group(kind string) string { return kinds[kind].Group }

// Event is what is told about an object.
type Event struct {
	About v1alpha1.ObjectRef
	// Brake is whose Event it is.
	Brake           string
	Reason, Message string
	Warning         bool
	Time            time.Time
}

const maxMessage = 1000

// Tell writes an Event, so that `kubectl describe` of the object shows it.
func Tell(ctx context.Context, c Cluster, e Event) error {
	r, ok := kinds[e.About.Kind]
	if !ok {
		return nil
	}
	about := map[string]any{"kind": e.About.Kind, "name": e.About.Name, "apiVersion": r.GroupVersion().String()}
	namespace := "default" // as the API wants it for what has no namespace
	if e.About.Namespace != "" {
		namespace = e.About.Namespace
		about["namespace"] = namespace
	}
	o, err := c.Get(ctx, r, e.About.Namespace, e.About.Name)
	if err != nil {
		return err
	}
	if o != nil {
		about["uid"] = string(o.GetUID())
	}
	kind := "Normal"
	if e.Warning {
		kind = "Warning"
	}
	at := e.Time.UTC().Format(time.RFC3339)
	return c.Create(ctx, events, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Event", "metadata": map[string]any{"namespace": namespace, "name": fmt.Sprintf("%s.%x", e.Brake, e.Time.UnixNano())},
		"involvedObject": about, "type": kind, "reason": e.Reason, "message": e.Message[:min(len(e.Message), maxMessage)],
		"source": map[string]any{"component": component}, "reportingComponent": component,
		"firstTimestamp": at, "lastTimestamp": at, "count": int64(1),
	}})
}
