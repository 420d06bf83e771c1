package dump

import (
	"context"
	"testing"
	"testing/fstest"
	"time"
)

// described is a pod with a container that runs; %s is what stands below Events.
const described = `Name:             ocr-5d9c7b8f64-hk2vx
Namespace:        scan
Node:             blade-7/10.20.0.17
Start Time:       Fri, 20 Nov 2026 10:26:30 +0000
Status:           Running
Controlled By:    ReplicaSet/ocr-5d9c7b8f64
Containers:
  ocr:
    Image:          registry.example.com/ocr:3.1
    State:          Running
      Started:      Fri, 20 Nov 2026 10:27:10 +0000
    Ready:          False
    Restart Count:  0
Events:
  Type     Reason     Age                From               Message
  ----     ------     ----               ----               -------
`

// TestClock tells when a dump was made.
func TestClock(t *testing.T) {
	node := `{"kind":"Node","apiVersion":"v1","metadata":{"name":"n1"},"status":{"conditions":[{"type":"Ready","status":"True","lastHeartbeatTime":"2026-11-20T10:44:00Z"}]}}`
	pod := `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","namespace":"x","creationTimestamp":"2026-11-20T10:15:00Z"}}`
	for name, c := range map[string]struct {
		text  string
		saved string // the file's own time
		want  string
	}{
		"the age of a start": {described + "  Normal   Started    48m                kubelet            Started container ocr\n", "2026-11-23T00:00:00Z", "11:15:09"},
		"the age of placing, if nothing better is there": {
			described + "  Normal   Scheduled  18m                default-scheduler  Successfully assigned scan/ocr-5d9c7b8f64-hk2vx to blade-7\n", "2026-11-23T00:00:00Z", "10:44:25"},
		"days say too little":                 {described + "  Normal   Scheduled  3d                 default-scheduler  Successfully assigned\n", "2026-11-23T00:00:00Z", "10:27:10"},
		"a file of things that only happened": {pod, "2026-11-20T10:45:00Z", "10:45:00"},
		"a file that was copied later":        {pod, "2026-11-20T14:45:00Z", "10:15:00"},
		"a node's heartbeat is near enough":   {node, "2026-11-20T11:20:00Z", "10:44:00"},
	} {
		saved, err := time.Parse(time.RFC3339, c.saved)
		if err != nil {
			t.Fatal(err)
		}
		file := "dump.txt"
		if c.text[0] == '{' {
			file = "dump.json"
		}
		_, report, err := ReadFS(context.Background(), fstest.MapFS{file: {Data: []byte(c.text), ModTime: saved}})
		if err != nil {
			t.Fatal(err)
		}
		if got := clockTime(report.Time); got != c.want || len(report.Damage) > 0 {
			t.Errorf("%s: %s (%s), want %s; damage %v", name, got, report.Origin, c.want, report.Damage)
		}
	}
}

// TestEmptyLists: kubectl cluster-info dump writes null for the items of an empty
// list, which is not damage but says that there is none.
func TestEmptyLists(t *testing.T) {
	r, report := read(t, "shop/replication-controllers.json", `{"kind":"ReplicationControllerList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":null}`,
		"nodes.yaml", "apiVersion: v1\nkind: NodeList\nitems: null\n")
	if len(report.Damage) > 0 {
		t.Errorf("damage: %v", report.Damage)
	}
	want(t, "listings", r.lines("listing"), "Node/ 0\nReplicationController/shop/ 0")
}
