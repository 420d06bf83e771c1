package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// FieldManager owns the fields that addons set. People may add fields of their
// own to these objects; what we set wins.
const FieldManager = "bulkhead"

// Options returns the options of every server-side apply of an addon.
func Options() metav1.ApplyOptions {
	return metav1.ApplyOptions{FieldManager: FieldManager, Force: true}
}

// JSON applies an object for whose kind there is no typed client at hand. path
// is its full API path.
func JSON(ctx context.Context, client rest.Interface, path string, object map[string]any) error {
	body, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("apply %s: %w", path, err)
	}
	err = client.Patch(types.ApplyPatchType).AbsPath(path).
		Param("fieldManager", FieldManager).Param("force", "true").
		Body(body).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("apply %s: %w", path, err)
	}
	return nil
}

// Retry calls write until it succeeds, ctx ends, or the API server answers that
// the request itself is wrong. The pause starts at 50 ms, because at a cold
// start the API is missing only for moments, and grows to 5 s.
func Retry(ctx context.Context, what string, write func(context.Context) error) error {
	pause := 50 * time.Millisecond
	for attempt := 1; ; attempt++ {
		err := write(ctx)
		if err == nil {
			return nil
		}
		if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) {
			return fmt.Errorf("write the API objects of %s: %w", what, err)
		}
		if attempt == 10 {
			klog.FromContext(ctx).Info("API objects cannot be written yet, trying on", "addon", what, "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, 5*time.Second)
	}
}
