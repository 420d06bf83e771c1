package roundtrip

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/describe"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

// TestRoundTrip prints objects with kubectl's own describers and reads them back:
// all that the description shows must be there again.
func TestRoundTrip(t *testing.T) {
	names := resource.NewNames()
	for kind, make := range generators() {
		t.Run(kind, func(t *testing.T) {
			k, ok := names.Find(kind)
			if !ok {
				t.Fatalf("no kind %s", kind)
			}
			for seed := range uint64(40) {
				g := &generator{rand.New(rand.NewPCG(seed, 7))}
				o := make(g)
				o.GetObjectKind().SetGroupVersionKind(k.GroupVersionKind)
				text := described(t, k, o)
				for _, scope := range []describe.Scope{{Kind: k, Namespace: o.GetNamespace()}, {Namespace: o.GetNamespace()}} {
					views, failed := describe.Parse(text, scope, names)
					if len(failed) > 0 || len(views) != 1 {
						t.Fatalf("seed %d: read %d objects, failed at %v:\n%s", seed, len(views), failed, text)
					}
					if diff := cmp.Diff(plain(t, o), plain(t, views[0].Object)); diff != "" {
						t.Fatalf("seed %d: -printed +read:\n%s\n%s", seed, diff, text)
					}
				}
			}
		})
	}
}

// TestSeveral reads objects of several kinds that stand one after the other.
func TestSeveral(t *testing.T) {
	names := resource.NewNames()
	g := &generator{rand.New(rand.NewPCG(1, 1))}
	text := ""
	var want []string
	for _, kind := range []string{"Pod", "Service", "ConfigMap", "Node", "Secret", "Deployment", "Pod"} {
		k, _ := names.Find(kind)
		o := generators()[kind](g)
		o.GetObjectKind().SetGroupVersionKind(k.GroupVersionKind)
		text += described(t, k, o) + "\n\n"
		want = append(want, kind+"/"+o.GetName())
	}
	views, failed := describe.Parse(text, describe.Scope{}, names)
	var got []string
	for _, v := range views {
		got = append(got, v.Kind.Kind+"/"+v.Object.GetName())
	}
	if diff := cmp.Diff(want, got); diff != "" || len(failed) > 0 {
		t.Errorf("-printed +read: %s failed: %v\n%s", diff, failed, text)
	}
}

// plain is an object as its JSON, so that quantities and times compare by value.
func plain(t *testing.T, o any) any {
	t.Helper()
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
