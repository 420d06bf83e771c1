package yamljson

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"sigs.k8s.io/yaml"
)

// printed are forms that kubectl prints: all of them are to be taken.
var printed = map[string]string{
	"mapping":              "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web-1\n  namespace: shop\n",
	"sequences":            "a:\n- b: 1\n  c: 2\n- d\ne:\n  - f\n  - g: h\n    i: j\n",
	"sequence in sequence": "a:\n- - b\n  - c\n- - d: 1\n    e: 2\n",
	"empty":                "a: {}\nb: []\nc: \"\"\nd: ''\ne: null\nf:\ng:\n- {}\n- []\n- \"\"\n",
	"numbers":              "a: 0\nb: -7\nc: 123456789012345678\nd: 0.5\ne: 1e3\nf: 0x10\ng: 0644\nh: 1_000\ni: 12345678901234567890\nj: -0\nk: 9223372036854775808\n",
	"words":                "a: true\nb: False\nc: yes\nd: \"yes\"\ne: ~\nf: off\ng: none\nh: y\ni: yesterday\nj: Null\nk: nan\n",
	"not numbers":          "a: 10.1.2.3\nb: 500m\nc: 256Mi\nd: 64ddc5c766\ne: 8c1fa2b3-0000-4000-8000-000000000000\nf: 30s\ng: 2026-03-01\nh: 2026-03-01T10:00:00Z\ni: 12-34\nj: 0b12\nk: .\nl: -c\nm: --flag=1\nm2: 1.2.3\nm3: 1e\nm4: 12345678-1234-1234-1234-123456789012\n",
	"quoted":               "a: \"x: \\\"y\\\" \\\\ \\u00e9\\n\\t\\e\\x41\"\nb: 'it''s'\n\"true\": c\n'1': d\n",
	"folded plain":         "a: Back-off restarting\n  failed container server in\n  pod web\nb:\n- one\n  two\n- c: three\n    four\n",
	"folded quotes":        "a: 'x: one\n  two'\nb: \"one: \\\"\n  \\ two\\\n  three\"\n- ",
	"literal":              "a: |\n  one\n    two\n\n  three\nb: |-\n  x\nc: |+\n  y\n\nd: |2-\n   z\ne:\n- |\n  four\n- f: |\n    five\n",
	"managed fields":       "f:metadata:\n  f:labels:\n    .: {}\n    f:app: {}\n    k:{\"uid\":\"8c1f\"}:\n      .: {}\n  v:\"x\": {}\n",
	"characters":           "a: <none>\nb: \"→ é\"\nc: grüße\nd: a,b [c] {d}\ne: http://x:80/y#z\nf: (x)\ng: =\n",
	"blank lines":          "a: 1\n\nb:\n\n  c: 2\n\n\nd: e\n\n",
	"unsorted":             "b: 1\na: 2\nc: 3\n",
	"spaces":               "a:   b  \nc:  \n- d\n-   e: 1\n    f: 2\n",
}

func TestConvertTakesWhatKubectlPrints(t *testing.T) {
	for name, text := range printed {
		if name == "folded quotes" {
			text = text[:len(text)-2]
		}
		t.Run(name, func(t *testing.T) {
			if !compare(t, []byte(text)) {
				t.Errorf("it was not taken:\n%s", text)
			}
		})
	}
}

func TestConvertRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"a comment":              "a: b # c\n",
		"a comment's line":       "# c\na: b\n",
		"an anchor":              "a: &x b\n",
		"a tag":                  "a: !!str 1\n",
		"a flow mapping":         "a: {b: c}\n",
		"a merge":                "<<: {}\n",
		"a folded block":         "a: >\n  b\n",
		"a key twice":            "a: 1\nb: 2\na: 3\n",
		"a key of another type":  "1: a\n",
		"a key that is true":     "true: a\n",
		"no end of line":         "a: b",
		"a tab":                  "a: b\tc\n",
		"a carriage return":      "a: b\r\n",
		"two documents":          "a: b\n---\nc: d\n",
		"deeper than its key":    "a: b\n  c: d\n",
		"less deep":              "  a: b\nc: d\n",
		"a mapping in a line":    "a: b: c\n",
		"an open quote":          "a: \"b\n",
		"bytes that are no text": "a: \xff\n",
		"nothing":                "\n",
	} {
		if out, ok := Convert([]byte(text), 0); ok {
			t.Errorf("%s: it was taken, as %s", name, out)
		}
	}
}

func TestConvertStartsInAColumn(t *testing.T) {
	for _, c := range []struct {
		text, want string
		column     int
	}{
		{"- a: 1\n  b:\n  - c\n", `{"a":1,"b":["c"]}`, 2},
		{"  - a: 1\n    b: 2\n", `{"a":1,"b":2}`, 4},
	} {
		if out, ok := Convert([]byte(c.text), c.column); !ok || string(out) != c.want {
			t.Errorf("%q: %s, %v; want %s", c.text, out, ok, c.want)
		}
	}
}

// compare says whether the text was taken; if it was, it must mean the same to the
// library.
func compare(t *testing.T, text []byte) bool {
	t.Helper()
	got, ok := Convert(text, 0)
	if !ok {
		return false
	}
	want, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatalf("the library refuses it (%v), Convert makes of it %s\n%s", err, got, text)
	}
	if a, b := decoded(t, got), decoded(t, want); !reflect.DeepEqual(a, b) {
		t.Fatalf("%q\n got %s\nwant %s", text, got, want)
	}
	return true
}

func decoded(t *testing.T, data []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("no JSON (%v): %s", err, data)
	}
	return v
}

func FuzzConvert(f *testing.F) {
	for _, text := range printed {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { compare(t, text) })
}

// FuzzPrinted takes any JSON, prints it as kubectl does, and reads it back.
func FuzzPrinted(f *testing.F) {
	for _, text := range []string{`{"a":{"b":[1,"x\ny ",{"c":null}],"d":"  e"},"f":"long enough to be folded, so that it goes on in the next line: and on and on"}`, `{"a":["x",["y"],[]],"":"","é":" #"}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v any
		if json.Unmarshal(data, &v) != nil {
			return
		}
		text, err := yaml.JSONToYAML(data)
		if err != nil {
			return
		}
		compare(t, text)
	})
}
