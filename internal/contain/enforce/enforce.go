package enforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

type set = labels.Set

// Apply makes what a brake changes, as far as it is not there yet. Before a change is
// made, save is given the brake with what takes it back. What cannot be changed does
// not keep the rest from being changed.
func Apply(ctx context.Context, c Cluster, b *v1alpha1.Brake, save func(*v1alpha1.Brake) error) error {
	var errs []error
	for _, find := range means[b.Spec.Action] {
		changes, err := find(ctx, c, b)
		errs = append(errs, err)
		for i := range changes {
			errs = append(errs, changes[i].make(ctx, c, b, save))
		}
	}
	return errors.Join(errs...)
}

// maxUndo bounds what is written down, and so the Brake's size.
const maxUndo = 500

// make makes one change, once: if somebody took it back since, that is heeded.
func (ch *change) make(ctx context.Context, c Cluster, b *v1alpha1.Brake, save func(*v1alpha1.Brake) error) error {
	u := v1alpha1.Undo{Done: ch.done, Resource: text(ch.resource), Stays: ch.stays,
		Object: v1alpha1.ObjectRef{Kind: ch.object.GetKind(), Namespace: ch.object.GetNamespace(), Name: ch.object.GetName()}}
	if slices.ContainsFunc(b.Status.Undo, func(v v1alpha1.Undo) bool {
		return v.Object == u.Object && v.Resource == u.Resource && v.Done == u.Done
	}) {
		return nil
	}
	if len(b.Status.Undo) >= maxUndo {
		return fmt.Errorf("change %s %s: %d changes are as many as one brake remembers", ch.resource.Resource, u.Object.Name, maxUndo)
	}
	if ch.edit != nil {
		made, undo, err := ch.patches()
		if err != nil {
			return fmt.Errorf("change %s %s: %w", ch.resource.Resource, u.Object.Name, err)
		}
		if made == "{}" {
			return nil // it is so already
		}
		u.Made, u.Patch = made, undo
	}
	b.Status.Undo = append([]v1alpha1.Undo{u}, b.Status.Undo...)
	if err := save(b); err != nil {
		b.Status.Undo = b.Status.Undo[1:]
		return err
	}
	if ch.edit == nil {
		return c.Create(ctx, ch.resource, ch.object)
	}
	return c.Patch(ctx, ch.resource, u.Object.Namespace, u.Object.Name, []byte(u.Made))
}

// patches are the one that makes the change, and the one that takes it back.
func (ch *change) patches() (made, undo string, err error) {
	before, err := json.Marshal(ch.object.Object)
	if err != nil {
		return "", "", err
	}
	after := runtime.DeepCopyJSON(ch.object.Object)
	if err := ch.edit(after); err != nil {
		return "", "", err
	}
	wanted, err := json.Marshal(after)
	if err != nil {
		return "", "", err
	}
	there, err := jsonpatch.CreateMergePatch(before, wanted)
	if err != nil {
		return "", "", err
	}
	back, err := jsonpatch.CreateMergePatch(wanted, before)
	return string(there), string(back), err
}

// TakeBack undoes what a brake changed, last change first; of what stays, only with
// all. What could not be undone is left in the brake.
func TakeBack(ctx context.Context, c Cluster, b *v1alpha1.Brake, all bool) error {
	var errs []error
	var left []v1alpha1.Undo
	for _, u := range b.Status.Undo {
		if u.Stays && !all {
			left = append(left, u)
			continue
		}
		if err := takeBack(ctx, c, u); err != nil {
			errs = append(errs, err)
			left = append(left, u)
		}
	}
	b.Status.Undo = left
	return errors.Join(errs...)
}

func takeBack(ctx context.Context, c Cluster, u v1alpha1.Undo) error {
	r, err := parse(u.Resource)
	if err != nil {
		return err
	}
	if u.Patch == "" {
		return c.Delete(ctx, r, u.Object.Namespace, u.Object.Name)
	}
	o, err := c.Get(ctx, r, u.Object.Namespace, u.Object.Name)
	if o == nil || err != nil {
		return err
	}
	ours, err := still(o.Object, u.Made)
	if err != nil || !ours {
		return err
	}
	return c.Patch(ctx, r, u.Object.Namespace, u.Object.Name, []byte(u.Patch))
}

// still says whether an object is as a merge patch made it.
func still(o map[string]any, made string) (bool, error) {
	before, err := json.Marshal(o)
	if err != nil {
		return false, err
	}
	after, err := jsonpatch.MergePatch(before, []byte(made))
	if err != nil {
		return false, err
	}
	return jsonpatch.Equal(before, after), nil
}

// text names a resource as plural.version.group.
func text(r schema.GroupVersionResource) string {
	return strings.TrimSuffix(r.Resource+"."+r.Version+"."+r.Group, ".")
}

func parse(s string) (schema.GroupVersionResource, error) {
	parts := strings.SplitN(s, ".", 3)
	if len(parts) < 2 {
		return schema.GroupVersionResource{}, fmt.Errorf("%q names no resource", s)
	}
	r := schema.GroupVersionResource{Resource: parts[0], Version: parts[1]}
	if len(parts) == 3 {
		r.Group = parts[2]
	}
	return r, nil
}
