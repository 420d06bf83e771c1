package attach

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/contain/enforce"
	"github.com/bulkhead-k8s/bulkhead/internal/contain/store"
)

// dryCluster reads and changes nothing.
type dryCluster struct{ *enforce.API }

func (dryCluster) Patch(context.Context, schema.GroupVersionResource, string, string, []byte) error {
	return nil
}

func (dryCluster) Create(context.Context, schema.GroupVersionResource, *unstructured.Unstructured) error {
	return nil
}

func (dryCluster) Delete(context.Context, schema.GroupVersionResource, string, string) error {
	return nil
}

func (dryCluster) Evict(context.Context, string, string) error { return nil }

// dryBrakes keeps none, and knows no policy but the built-in one: the kinds may not
// be there.
type dryBrakes struct{}

func (dryBrakes) Write(context.Context, *v1alpha1.Brake) error { return nil }
func (dryBrakes) Mark(context.Context, *v1alpha1.Brake) error  { return nil }
func (dryBrakes) Delete(context.Context, string) error         { return nil }

func (dryBrakes) WatchBrakes(ctx context.Context, c store.Changes[v1alpha1.Brake]) {
	c.Synced()
	<-ctx.Done()
}

func (dryBrakes) WatchPolicies(ctx context.Context, c store.Changes[v1alpha1.ContainmentPolicy]) {
	c.Synced()
	<-ctx.Done()
}

// dryIncidents keeps none.
type dryIncidents struct{}

func (dryIncidents) List(context.Context) ([]v1alpha1.Incident, error) { return nil, nil }
func (dryIncidents) Write(context.Context, *v1alpha1.Incident) error   { return nil }
func (dryIncidents) Delete(context.Context, *v1alpha1.Incident) error  { return nil }
