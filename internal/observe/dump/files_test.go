package dump

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

const podList = `{
    "apiVersion": "v1",
    "kind": "PodList",
    "metadata": {"resourceVersion": "7"},
    "items": [
        {"metadata": {"name": "web-1", "namespace": "shop", "uid": "u1", "creationTimestamp": "2026-03-01T09:00:00Z",
          "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-a", "uid": "r1", "controller": true}]},
         "spec": {"nodeName": "n1"}, "status": {"phase": "Running", "startTime": "2026-03-01T09:00:05Z"}},
        {"metadata": {"name": "web-2", "namespace": "shop"}, "spec": {}}
    ]
}`

func TestObjects(t *testing.T) {
	r, report := read(t, "pods.json", podList, "one.json", `{"kind":"Node","apiVersion":"v1","metadata":{"name":"n1"}}`,
		"events.json", `{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Event","metadata":{"name":"e1","namespace":"shop"},"involvedObject":{"kind":"Pod","namespace":"shop","name":"web-1","fieldPath":"spec.containers{web}"},"type":"Warning","reason":"BackOff","message":"m","count":4,"firstTimestamp":"2026-03-01T09:01:00Z","lastTimestamp":"2026-03-01T09:05:00Z","source":{"component":"kubelet"}},
{"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"name":"e2","namespace":"default"},"regarding":{"kind":"Node","name":"n1"},"type":"Normal","reason":"NodeReady","note":"n","eventTime":"2026-03-01T09:02:00.000000Z","reportingController":"kubelet"}]}`)
	want(t, "states", r.lines(record.TypeState), `
Node/n1 full @n1
Pod/shop/web-1 full <ReplicaSet/web-a @n1
Pod/shop/web-2 full`)
	want(t, "listings", r.lines(record.TypeListing), "Pod/shop/ 2")
	want(t, "events", r.lines(record.TypeEvent), `
Node/n1 Normal NodeReady x0 09:02:00..09:02:00 n @n1
Pod/shop/web-1 Warning BackOff x4 09:01:00..09:05:00 m <ReplicaSet/web-a @n1`)
	var p corev1.Pod
	if r.object(t, "Pod/shop/web-1", &p); p.Kind != "Pod" || p.APIVersion != "v1" || p.Status.Phase != corev1.PodRunning {
		t.Errorf("an item of a typed list: %+v", p)
	}
	if got := clockTime(report.Time); got != "09:05:00" || len(report.Damage) > 0 {
		t.Errorf("%s %v", got, report.Damage)
	}
}

// TestSecret checks that no value of a Secret gets into a record.
func TestSecret(t *testing.T) {
	yaml := "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  namespace: shop\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: |\n      {\"data\":{\"password\":\"aHVudGVyMg==\"}}\ntype: Opaque\ndata:\n  password: aHVudGVyMg==\nstringData:\n  extra: hunter2\n"
	r, _ := read(t, "s.yaml", yaml, "s.txt", "$ kubectl get secret db -n shop -o yaml\n"+yaml)
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(raw); strings.Contains(s, "aHVudGVyMg") || strings.Contains(s, "hunter2") || !strings.Contains(s, `"password":""`) || !strings.Contains(s, `"extra":""`) {
		t.Errorf("secret: %s", s)
	}
}

func TestDamaged(t *testing.T) {
	r, report := read(t, "pods.json", podList[:strings.Index(podList, `"spec": {}`)+4], "list.yaml",
		"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Node\n  metadata:\n    name: n1\n- apiVersion: v1\n  kind: [\n- apiVersion: v1\n  kind: Node\n  metadata:\n    name: n2\n",
		"table.txt", "$ kubectl get nodes\nNAME   STATUS   ROLES    AGE   VERSION\nn3     Ready    <none>   5d    v1.31.2\nwhat is this line\n")
	want(t, "states", r.lines(record.TypeState), `
Node/n1 full @n1
Node/n2 full @n2
Pod/shop/web-1 full <ReplicaSet/web-a @n1
Node/n3 columns @n3`)
	var got []string
	for _, d := range report.Damage {
		got = append(got, d.String()[:strings.Index(d.String(), ": ")])
	}
	if s := strings.Join(got, " "); s != "list.yaml:8 pods.json table.txt:4" || !strings.Contains(report.Damage[1].What, "line 9") {
		t.Errorf("damage: %s\n%v", s, report.Damage)
	}
	if l := r.lines(record.TypeListing); strings.Contains(l, "Pod") {
		t.Errorf("a list that is cut off is not complete: %s", l)
	}
}

func TestYAML(t *testing.T) {
	r, report := read(t, "x", "# a comment\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: conf\n  namespace: shop\ndata:\n  a.txt: |\n    - kind: Pod\n    items:\n---\napiVersion: v1\nkind: NodeList\nitems:\n  - metadata:\n      name: n1\n  - metadata:\n      name: n2\nmetadata:\n  resourceVersion: \"9\"\n---\n# nothing\n")
	want(t, "states", r.lines(record.TypeState), "ConfigMap/shop/conf full\nNode/n1 full @n1\nNode/n2 full @n2")
	want(t, "listings", r.lines(record.TypeListing), "Node/ 2")
	var c corev1.ConfigMap
	if r.object(t, "ConfigMap/shop/conf", &c); c.Data["a.txt"] != "- kind: Pod\nitems:\n" || len(report.Damage) > 0 {
		t.Errorf("%q %v", c.Data, report.Damage)
	}
}

func TestLogs(t *testing.T) {
	r, report := read(t, "pods.json", podList,
		"logs.json", `{"web": ["2026-03-01T09:07:00Z line \u00e9", "b"], "web-2": "c\nd\n", "web-1.previous": ["e"], "gone": [], "web-2.previous": "Error from server (BadRequest): previous terminated container \"x\" in pod \"web-2\" not found"}`,
		"deploys.json", `{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"name":"web-a","namespace":"shop","ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"web","controller":true}]}}`,
		"gather/namespaces/shop/pods/web-1/server/server/logs/current.log", "2026-03-01T09:06:00Z f\n",
		"var/log/pods/shop_web-2_u2/side/0.log", "2026-03-01T09:06:01.5Z stdout P par\n2026-03-01T09:06:01.6Z stdout F t\n",
		"one.log", `{"level":"info","msg":"x","time":"2026-03-01T09:06:02Z"}`+"\n",
		"README.md", "This is what happened.\nSee the logs.\n", "photo.png", "\x89PNG\x00\x00",
		"kubelet.txt", "Mar 01 09:06:00 n1 kubelet[812]: E0301 09:06:00.1 failed\n")
	want(t, "logs", r.lines(record.TypeLog), `
Pod/shop/web-1 server previous=false ["2026-03-01T09:06:00Z f"] <ReplicaSet/web-a <Deployment/web @n1
Pod/shop/web-2 side previous=false ["2026-03-01T09:06:01.5Z part"]
cluster  previous=false ["{\"level\":\"info\",\"msg\":\"x\",\"time\":\"2026-03-01T09:06:02Z\"}"]
cluster  previous=false ["Mar 01 09:06:00 n1 kubelet[812]: E0301 09:06:00.1 failed"]
Pod/shop/web-1  previous=false ["2026-03-01T09:07:00Z line é" "b"] <ReplicaSet/web-a <Deployment/web @n1
Pod/shop/web-2  previous=false ["c" "d"]
Pod/shop/web-1  previous=true ["e"] <ReplicaSet/web-a <Deployment/web @n1`)
	if got := strings.Join(report.Forms[FormUnknown], " "); got != "README.md photo.png" || report.Refused != 1 {
		t.Errorf("unknown: %s, refused %d", got, report.Refused)
	}
}

func TestAlertsAndAudit(t *testing.T) {
	r, report := read(t, "pods.json", podList,
		"am.json", `[{"labels":{"alertname":"Down","pod":"web-1","namespace":"shop"},"annotations":{"d":"x"},"startsAt":"2026-03-01T09:01:00Z","endsAt":"2026-03-01T10:00:00Z","status":{"state":"active"}},{"labels":{"alertname":"Nothing"},"startsAt":null}]`,
		"hook.json", `{"version":"4","alerts":[{"status":"resolved","labels":{"alertname":"Gone","node":"n9"},"startsAt":"2026-03-01T09:02:00Z","endsAt":"2026-03-01T09:03:00Z"}]}`,
		"prom.json", `{"status":"success","data":{"alerts":[{"labels":{"alertname":"Slow"},"state":"firing","activeAt":"2026-03-01T09:04:00Z","value":"1e+00"}]}}`,
		"none.json", `[]`,
		"audit.log", `{"kind":"Event","apiVersion":"audit.k8s.io/v1","stage":"RequestReceived","verb":"patch"}`+"\n"+
			`{"kind":"Event","apiVersion":"audit.k8s.io/v1","stage":"ResponseComplete","verb":"patch","requestURI":"/x","user":{"username":"ann"},"objectRef":{"resource":"deployments","apiGroup":"apps","namespace":"shop","name":"web"},"responseStatus":{"code":200},"requestReceivedTimestamp":"2026-03-01T09:00:01.000000Z","stageTimestamp":"2026-03-01T09:00:01.500000Z","requestObject":{"spec":{}}}`+"\n{broken\n")
	want(t, "alerts", r.lines(record.TypeAlert), `
Pod/shop/web-1 Down 09:01:00..-
cluster Gone 09:02:00..09:03:00
cluster Nothing -..-
cluster Slow 09:04:00..-`)
	want(t, "audit", r.lines(record.TypeAudit), "Deployment/shop/web ann patch 200")
	if len(report.Damage) != 1 || report.Damage[0].Line != 3 || len(report.Forms[FormEmpty]) != 1 {
		t.Errorf("%+v", report)
	}
}

func TestClusterInfo(t *testing.T) {
	r, report := read(t, "dump.txt", podList+"\n"+`{"kind":"ReplicaSetList","apiVersion":"apps/v1","metadata":{},"items":[]}`+
		"\n==== START logs for container server of pod shop/web-1 ====\nhello\nName: x\n==== END logs for container server of pod shop/web-1 ====\n==== START logs for container server of pod shop/web-2 ====\nRequest log error: no\n==== END logs for container server of pod shop/web-2 ====\n",
		"out/pay/services.json", `{"kind":"ServiceList","apiVersion":"v1","items":[]}`)
	want(t, "logs", r.lines(record.TypeLog), `Pod/shop/web-1 server previous=false ["hello" "Name: x"] <ReplicaSet/web-a @n1`)
	want(t, "listings", r.lines(record.TypeListing), "Pod/shop/ 2\nService/pay/ 0")
	if len(report.Damage) > 0 {
		t.Error(report.Damage)
	}
}

// TestArchives reads the same files from a directory, archives and a stream.
func TestArchives(t *testing.T) {
	dir := t.TempDir()
	var tgz, zipped bytes.Buffer
	z := gzip.NewWriter(&tgz)
	w := tar.NewWriter(z)
	must(t, w.WriteHeader(&tar.Header{Name: "./a/pods.json", Mode: 0o600, Size: int64(len(podList)), Typeflag: tar.TypeReg}))
	_, err := w.Write([]byte(podList))
	must(t, err)
	must(t, w.Close())
	must(t, z.Close())
	a := zip.NewWriter(&zipped)
	f, err := a.Create("a/pods.json")
	must(t, err)
	_, err = f.Write([]byte(podList))
	must(t, err)
	must(t, a.Close())
	must(t, os.Mkdir(filepath.Join(dir, "tree"), 0o700))
	for name, data := range map[string][]byte{"x.tgz": tgz.Bytes(), "y": zipped.Bytes(), "tree/p": []byte(podList), "z.json": []byte(podList), "tree/cut.gz": tgz.Bytes()[:len(tgz.Bytes())/2]} {
		must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	for _, name := range []string{"x.tgz", "y", "tree", "z.json"} {
		r, report, err := Read(context.Background(), filepath.Join(dir, name))
		must(t, err)
		want(t, name, result(r).lines(record.TypeState), "Pod/shop/web-1 full <ReplicaSet/web-a @n1\nPod/shop/web-2 full")
		if (len(report.Damage) > 0) != (name == "tree") {
			t.Errorf("%s: %v", name, report.Damage)
		}
	}
	r, _, err := ReadFrom(context.Background(), bytes.NewReader(tgz.Bytes()), "stdin")
	must(t, err)
	want(t, "stream", result(r).lines(record.TypeState), "Pod/shop/web-1 full <ReplicaSet/web-a @n1\nPod/shop/web-2 full")
	if _, _, err := Read(context.Background(), filepath.Join(dir, "none")); err == nil {
		t.Error("a path that is not there is no error")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Read(ctx, filepath.Join(dir, "tree")); err == nil {
		t.Error("an ended context is no error")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
