package dump

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/yamljson"
)

// TestYAMLSaysWhatJSONSays reads the same objects in both forms.
func TestYAMLSaysWhatJSONSays(t *testing.T) {
	inJSON := list(t, clusterObjects(30))
	inYAML, err := yaml.JSONToYAML(inJSON)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := read(t, "all.json", string(inJSON))
	b, _ := read(t, "all.yaml", string(inYAML))
	if len(a) != len(b) || len(a) < 60 {
		t.Fatalf("%d records from JSON, %d from YAML", len(a), len(b))
	}
	for i := range a {
		a[i].Source, b[i].Source = "", ""
		equalStates(t, a[i], b[i])
	}
}

func equalStates(t *testing.T, a, b record.Record) {
	t.Helper()
	if s, ok := a.Payload.(*record.State); ok {
		var x, y any
		if json.Unmarshal(s.Whole, &x) != nil || json.Unmarshal(b.Payload.(*record.State).Whole, &y) != nil || !reflect.DeepEqual(x, y) {
			t.Fatalf("%s\n%s", s.Whole, b.Payload.(*record.State).Whole)
		}
		a.Payload, b.Payload = nil, nil
	}
	if !reflect.DeepEqual(a, b) {
		t.Fatalf("%+v\n%+v", a, b)
	}
}

// TestYAMLOfKubectlIsReadQuickly: a dump whose items the library has to read takes
// ten times as long, and nobody would notice here.
func TestYAMLOfKubectlIsReadQuickly(t *testing.T) {
	inYAML, err := yaml.JSONToYAML(list(t, clusterObjects(30)))
	if err != nil {
		t.Fatal(err)
	}
	_, items, ok := cutList(yamlPart{text: inYAML})
	if !ok || len(items) < 60 {
		t.Fatalf("%d items, %v", len(items), ok)
	}
	for _, p := range items {
		if _, ok := yamljson.Convert(p.text, p.column); !ok {
			t.Fatalf("this is left to the library:\n%s", p.text)
		}
	}
}

// TestYAMLOfOtherToolsIsReadToo has what kubectl does not print.
func TestYAMLOfOtherToolsIsReadToo(t *testing.T) {
	r, report := read(t, "list.yaml", strings.Join([]string{"apiVersion: v1", "kind: List", "items:", "- apiVersion: v1", "  kind: ConfigMap # settings",
		"  metadata: {name: a, namespace: shop}", "- apiVersion: v1", "  kind: ConfigMap", "  metadata:", "    name: b", "    namespace: shop", ""}, "\n"))
	if len(report.Damage) > 0 || report.Kinds["ConfigMap"] != 2 {
		t.Errorf("%d records, %+v", len(r), report)
	}
}
