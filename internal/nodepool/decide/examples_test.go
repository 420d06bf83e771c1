package decide

import (
	"os"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

func TestExamplesAreNodePools(t *testing.T) {
	for _, name := range []string{"guarded", "stock", "local"} {
		data, err := os.ReadFile("../../../examples/nodepools/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		var p v1alpha1.NodePool
		if err := yaml.UnmarshalStrict(data, &p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s := Complete(p.Spec); (s.Brakes == v1alpha1.BrakesIgnore) != (name == "stock") || s.Repair.Mode != v1alpha1.ModeAct {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
