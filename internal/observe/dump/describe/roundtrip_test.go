package describe

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
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
				for _, scope := range []Scope{{Kind: k, Namespace: o.GetNamespace()}, {Namespace: o.GetNamespace()}} {
					views, failed := Parse(text, scope, names)
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
	views, failed := Parse(text, Scope{}, names)
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

func TestToleration(t *testing.T) {
	for _, s := range []string{"node.kubernetes.io/not-ready:NoExecute op=Exists for 300s", "op=Exists", ":NoSchedule op=Exists", "a=b:NoSchedule", "a=b", "a:NoExecute for 5s"} {
		got, ok := toleration(s)
		if !ok {
			t.Errorf("%q is not read", s)
		}
		if s == "op=Exists" && (got.Key != "" || got.Operator != "Exists") {
			t.Errorf("%q: %+v", s, got)
		}
	}
}

func TestAge(t *testing.T) {
	if got := view.ParseAge("5m30s"); fmt.Sprint(got.Span, got.Unit, got.Known) != "5m30s 1s true" {
		t.Errorf("5m30s: %+v", got)
	}
}
