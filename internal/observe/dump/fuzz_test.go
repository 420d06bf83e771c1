package dump

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/fstest"
	"unicode/utf8"
)

// FuzzScanner cuts JSON into parts: whatever the library takes, the scanner takes,
// with the same members.
func FuzzScanner(f *testing.F) {
	for _, s := range []string{podList, `{"a":[1,{"b":"\"}"}],"c":null}`, `{"a":"\\"}`, `[1,"x"]`, `{}`, `{"a":1,}`, `{"\u0061":-1.5e+3}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got := map[string]json.RawMessage{}
		s := scanner{data: data}
		err := s.object(func(key string) (bool, error) {
			v, err := s.value()
			got[key] = v
			return true, err
		})
		var want map[string]json.RawMessage
		if !utf8.Valid(data) || json.Unmarshal(data, &want) != nil || want == nil {
			return
		}
		if err != nil {
			t.Fatalf("valid JSON is refused: %v", err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d members, want %d", len(got), len(want))
		}
		for k, v := range want {
			if !bytes.Equal(bytes.TrimSpace(v), got[k]) {
				t.Fatalf("member %q: %s, want %s", k, got[k], v)
			}
		}
	})
}

// FuzzRead reads anything: it must neither fail nor lose itself, and what it makes
// must be whole.
func FuzzRead(f *testing.F) {
	for _, s := range []string{podList, terminal(), fmt.Sprintf(samplePod, "web-1"), deployments, describedDeployment,
		`{"kubectl get pods": "NAME   READY\nx   1/1\n", "kubectl get svc": ""}`, `{"web": ["a"]}`, `[{"labels":{"alertname":"x"},"startsAt":null}]`,
		"apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n  metadata:\n    name: x\n", "2026-03-01T09:06:01.5Z stdout P par\n",
		"==== START logs for container a of pod b/c ====\n", "5m (x3 over 7m)   Warning   BackOff   pod/x   y\n", "$ kubectl get all\n\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		records, report, err := ReadFS(context.Background(), fstest.MapFS{"a": {Data: data}, "b/c.log": {Data: data}})
		if err != nil {
			t.Fatal(err)
		}
		files := 0
		for _, names := range report.Forms {
			files += len(names)
		}
		if files == 0 && len(report.Damage) == 0 {
			t.Error("a file is not accounted for")
		}
		for _, r := range records {
			if r.Payload == nil {
				t.Fatalf("a record without payload: %+v", r)
			}
			if r.Type() == "state" && r.Object.Name == "" {
				t.Fatalf("a state of nothing: %+v", r)
			}
		}
	})
}

// FuzzUnquote compares with the library.
func FuzzUnquote(f *testing.F) {
	for _, s := range []string{`"a\n\u003c\ud83d\ude00\/"`, `"\\"`, `"\u00e9x"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want string
		if !utf8.Valid(data) || len(data) == 0 || data[0] != '"' || data[len(data)-1] != '"' || json.Unmarshal(data, &want) != nil {
			return
		}
		if got := unquote(data); got != want {
			t.Errorf("%s: %q, want %q", data, got, want)
		}
	})
}
