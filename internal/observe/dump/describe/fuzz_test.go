package describe

import (
	"math/rand/v2"
	"testing"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

// FuzzParse starts from descriptions that kubectl printed.
func FuzzParse(f *testing.F) {
	names := resource.NewNames()
	for kind, make := range generators() {
		k, _ := names.Find(kind)
		o := make(&generator{rand.New(rand.NewPCG(3, 3))})
		o.GetObjectKind().SetGroupVersionKind(k.GroupVersionKind)
		f.Add(described(f, k, o))
	}
	f.Add("Name: x\nLabels:   a=b\nEvents:\n  Type  Reason  Age  Message\n  Normal  A  5m  b\nmore\n")
	f.Fuzz(func(t *testing.T, text string) {
		views, _ := Parse(text, Scope{}, names)
		for _, v := range views {
			if v.Object.GetName() == "" || v.Kind.Kind == "" {
				t.Errorf("an object without name or kind: %+v", v.Object)
			}
		}
	})
}
