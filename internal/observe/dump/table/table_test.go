package table

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

// pad prints rows as kubectl's table printer does: columns as wide as their widest
// cell, and three spaces between them.
func pad(rows [][]string) string {
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, c := range r {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, r := range rows {
		for i, c := range r {
			b.WriteString(c)
			if i+1 < len(r) {
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(c)+3))
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestRandomTables prints tables of events with cells of all lengths, some empty,
// and reads them back.
func TestRandomTables(t *testing.T) {
	names := resource.NewNames()
	for seed := range uint64(200) {
		g := rand.New(rand.NewPCG(seed, 1))
		rows := [][]string{{"NAMESPACE", "LAST SEEN", "TYPE", "REASON", "OBJECT", "SUBOBJECT", "SOURCE", "MESSAGE", "FIRST SEEN", "COUNT", "NAME"}}
		for i := range 1 + g.IntN(20) {
			sub, message := "", strings.Repeat("wört two  three ", g.IntN(9))+"end"
			if g.IntN(2) == 0 {
				sub = "spec.containers{web}"
			}
			rows = append(rows, []string{"shop", fmt.Sprintf("%ds", g.IntN(99)), "Warning", "BackOff", fmt.Sprintf("pod/web-%d", i), sub, "kubelet, n1", message, "8m", fmt.Sprint(g.IntN(99)), fmt.Sprintf("web-%d.17", i)})
		}
		got := Parse(pad(rows), Scope{}, names)
		if len(got.Events) != len(rows)-1 || len(got.Failed) > 0 {
			t.Fatalf("seed %d: %d events of %d, failed %v:\n%s", seed, len(got.Events), len(rows)-1, got.Failed, pad(rows))
		}
		for i, e := range got.Events {
			r := rows[i+1]
			want := []string{r[0], r[2], r[3], r[5], "kubelet", r[7], r[9], r[10]}
			have := []string{e.About.Namespace, e.Event.Kind, e.Event.Reason, e.Event.FieldPath, e.Event.Component, e.Event.Message, fmt.Sprint(e.Seen.Count), e.Name}
			if !reflect.DeepEqual(want, have) {
				t.Fatalf("seed %d: %q, want %q", seed, have, want)
			}
		}
	}
}

// TestKinds tells each kind by its columns, in the forms of several versions.
func TestKinds(t *testing.T) {
	names := resource.NewNames()
	for header, kind := range map[string]string{
		"NAME   READY   STATUS   RESTARTS   AGE   IP   NODE   NOMINATED NODE   READINESS GATES": "Pod",
		"NAME   READY   UP-TO-DATE   AVAILABLE   AGE":                                           "Deployment",
		"NAME   DESIRED   CURRENT   READY   AGE   CONTAINERS   IMAGES   SELECTOR":               "ReplicaSet",
		"NAME   DESIRED   CURRENT   READY   UP-TO-DATE   AVAILABLE   NODE SELECTOR   AGE":       "DaemonSet",
		"NAME   READY   AGE":                                                                             "StatefulSet",
		"NAME   COMPLETIONS   DURATION   AGE":                                                            "Job",
		"NAME   STATUS   COMPLETIONS   DURATION   AGE":                                                   "Job",
		"NAME   SCHEDULE   TIMEZONE   SUSPEND   ACTIVE   LAST SCHEDULE   AGE":                            "CronJob",
		"NAME   TYPE   CLUSTER-IP   EXTERNAL-IP   PORT(S)   AGE   SELECTOR":                              "Service",
		"NAME   ENDPOINTS   AGE":                                                                         "Endpoints",
		"NAME   ADDRESSTYPE   PORTS   ENDPOINTS   AGE":                                                   "EndpointSlice",
		"NAME   STATUS   ROLES   AGE   VERSION":                                                          "Node",
		"NAME   STATUS   VOLUME   CAPACITY   ACCESS MODES   STORAGECLASS   VOLUMEATTRIBUTESCLASS   AGE":  "PersistentVolumeClaim",
		"NAME   CAPACITY   ACCESS MODES   RECLAIM POLICY   STATUS   CLAIM   STORAGECLASS   REASON   AGE": "PersistentVolume",
		"NAME   PROVISIONER   RECLAIMPOLICY   VOLUMEBINDINGMODE   ALLOWVOLUMEEXPANSION   AGE":            "StorageClass",
		"NAME   CLASS   HOSTS   ADDRESS   PORTS   AGE":                                                   "Ingress",
		"NAME   DATA   AGE":        "ConfigMap",
		"NAME   TYPE   DATA   AGE": "Secret",
		"NAME   REFERENCE   TARGETS   MINPODS   MAXPODS   REPLICAS   AGE":    "HorizontalPodAutoscaler",
		"NAME   MIN AVAILABLE   MAX UNAVAILABLE   ALLOWED DISRUPTIONS   AGE": "PodDisruptionBudget",
		"NAME   POD-SELECTOR   AGE":                                          "NetworkPolicy",
		"NAME   SECRETS   AGE":                                               "ServiceAccount",
		"NAME   AGE   REQUEST   LIMIT":                                       "ResourceQuota",
		"NAME   REQUEST   LIMIT   AGE":                                       "ResourceQuota",
		"NAME   ROLE   AGE":                                                  "RoleBinding",
		"NAME   STATUS   AGE":                                                "Namespace",
		"NAME   CPU(cores)   MEMORY(bytes)":                                  "Pod",
		"LAST SEEN   TYPE   REASON   OBJECT   MESSAGE":                       "Event",
		"LAST SEEN   FIRST SEEN   COUNT   NAME   KIND   SUBOBJECT   TYPE   REASON   SOURCE   MESSAGE":              "Event",
		"NAMESPACE   NAME   READY   STATUS   RESTARTS   AGE   LABELS":                                              "Pod",
		"NAME   CAPACITY   ACCESS MODES   RECLAIM POLICY   STATUS   CLAIM   STORAGECLASS   AGE   VOLUMEMODE   AGE": "PersistentVolume",
	} {
		if !Is(header) {
			t.Errorf("%q is not taken for a header", header)
		}
		got := Parse(header+"\n", Scope{}, names)
		if len(got.Kinds) != 1 || got.Kinds[0].Kind != kind {
			t.Errorf("%q: %v, want %s", header, got.Kinds, kind)
		}
	}
	for _, s := range []string{"", "NAME", "NAMES ARE THINGS", "Name:   x", "NAME=x AGE=3", "kind: List"} {
		if Is(s) {
			t.Errorf("%q is taken for a header", s)
		}
	}
}

func TestBareRows(t *testing.T) {
	names := resource.NewNames()
	pods, _ := names.Find("pods")
	got := Parse("web-1   0/1   CrashLoopBackOff   5   8m\n37s   Warning   FailedCreate   replicaset/web-a   Error creating: pods \"x\" is forbidden\nwhat\n", Scope{Kind: pods, Namespace: "shop"}, names)
	if len(got.Views) != 1 || len(got.Events) != 1 || len(got.Failed) != 1 {
		t.Fatalf("%+v", got)
	}
	if e := got.Events[0]; e.About.String() != "ReplicaSet/shop/web-a" || e.Event.Message != `Error creating: pods "x" is forbidden` {
		t.Errorf("%+v", e)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("NAME   READY   STATUS   RESTARTS   AGE\nweb   1/1   Running   5 (3m ago)   8m\n")
	f.Add("NAME   ENDPOINTS   AGE\nweb   10.0.0.1:80,[fd00::1]:80 + 2 more...   8m\n")
	f.Add("NAME   AGE   REQUEST   LIMIT\nq   8m   cpu: 1/2, pods: 3/4   \n")
	f.Add("NAMESPACE   LAST SEEN   TYPE   REASON   OBJECT   MESSAGE\nö   5m (x3 over 9m)   Warning   B   pod/x   m\n")
	names := resource.NewNames()
	f.Fuzz(func(t *testing.T, text string) {
		got := Parse(text, Scope{}, names)
		if rows := strings.Count(text, "\n") + 1; len(got.Views)+len(got.Events)+len(got.Failed)+len(got.Usage) > rows {
			t.Errorf("more objects than lines")
		}
	})
}
