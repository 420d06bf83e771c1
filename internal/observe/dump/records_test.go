package dump

import (
	"context"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

const exported = `{"time":"2026-11-24T10:40:00Z","source":"kernel","type":"oomkill","object":{"kind":"Pod","namespace":"shop","name":"web-0"},"node":"n1","payload":{"container":"web","pid":4711,"limitBytes":67108864}}

{"time":"2026-11-24T10:41:00Z","type":"dream","payload":{}}
{"time":"2026-11-24T10:42:00Z","type":"state","object":{"kind":"ConfigMap","namespace":"shop","name":"web"},"payload":{"whole":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"web","namespace":"shop"},"data":{"a":"1"}}}}
{"time":"2026-11-24T10:43:00Z","type":"state","object":{"kind":"ConfigMap","namespace":"shop","name":"web"},"payload":{"patch":{"data":{"a":"2"}}}}
`

const ownerOf = `apiVersion: v1
kind: Pod
metadata:
  name: web-0
  namespace: shop
  creationTimestamp: "2026-11-24T09:00:00Z"
  ownerReferences:
  - {apiVersion: apps/v1, kind: StatefulSet, name: web, uid: u1}
spec:
  nodeName: n1
`

// TestRecords reads an export of the journal beside an object.
func TestRecords(t *testing.T) {
	files := fstest.MapFS{"journal.jsonl": {Data: []byte(exported)}, "pod.yaml": {Data: []byte(ownerOf)}}
	records, report, err := ReadFS(context.Background(), files)
	if err != nil {
		t.Fatal(err)
	}
	var kill *record.Record
	states := 0
	for i, r := range records {
		switch r.Payload.(type) {
		case *record.OOMKill:
			kill = &records[i]
		case *record.State:
			if r.Object.Kind == "ConfigMap" {
				states++
			}
		}
	}
	if kill == nil || len(kill.Owners) != 1 || kill.Owners[0].Name != "web" || kill.Source != "kernel" {
		t.Errorf("the kill is %+v", kill)
	}
	if states != 2 {
		t.Errorf("%d states of the ConfigMap, want both", states)
	}
	if want := time.Date(2026, 11, 24, 10, 43, 0, 0, time.UTC); !report.Time.Equal(want) {
		t.Errorf("the dump is of %s, want %s", report.Time, want)
	}
	if len(report.Damage) != 1 || report.Damage[0].Line != 3 {
		t.Errorf("damage is %v, want the line of the unknown type", report.Damage)
	}
	if got := report.Forms[FormRecords]; len(got) != 1 || got[0] != "journal.jsonl" {
		t.Errorf("forms are %v", report.Forms)
	}
}
