package dump

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// read reads files given as name, text, name, text.
func read(t *testing.T, files ...string) (result, Report) {
	t.Helper()
	m := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		m[files[i]] = &fstest.MapFile{Data: []byte(files[i+1]), ModTime: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)}
	}
	records, report, err := ReadFS(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return records, report
}

type result []record.Record

// lines are the records of a type, one a line, as tests compare them.
func (r result) lines(of record.Type) string {
	var out []string
	for _, x := range r {
		if x.Type() == of {
			out = append(out, summary(x))
		}
	}
	return strings.Join(out, "\n")
}

func summary(x record.Record) string {
	s := x.Object.String()
	switch p := x.Payload.(type) {
	case *record.State:
		s += " " + string(p.Detail)
	case *record.Listing:
		s += strings.TrimRight(fmt.Sprintf(" %d %s", p.Count, p.Selector), " ")
	case *record.Absence:
		s += " absent"
	case *record.Event:
		s += fmt.Sprintf(" %s %s x%d %s..%s %s", p.Kind, p.Reason, p.Count, clockTime(p.First), clockTime(p.Last), p.Message)
	case *record.Log:
		s += fmt.Sprintf(" %s previous=%t %q", p.Container, p.Previous, p.Lines)
	case *record.Alert:
		s += fmt.Sprintf(" %s %s..%s", p.Name, clockTime(p.StartsAt), clockTime(p.EndsAt))
	case *record.Audit:
		s += fmt.Sprintf(" %s %s %d", p.User, p.Verb, p.Code)
	case *record.Usage:
		s += fmt.Sprintf(" %s %g/%.0f", p.Resource, p.Used, p.Capacity)
	}
	for _, o := range x.Owners {
		s += " <" + o.Kind + "/" + o.Name
	}
	if x.Node != "" {
		s += " @" + x.Node
	}
	return s
}

func clockTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("15:04:05")
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	want = strings.TrimSpace(want)
	if got != want {
		t.Errorf("%s:\n--- got\n%s\n--- want\n%s", what, got, want)
	}
}

func (r result) object(t *testing.T, name string, into any) {
	t.Helper()
	for _, x := range r {
		if s, ok := x.Payload.(*record.State); ok && x.Object.String() == name {
			if err := json.Unmarshal(s.Whole, into); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no state of %s", name)
}

const deployments = `NAME   READY   UP-TO-DATE   AVAILABLE   AGE   CONTAINERS   IMAGES                       SELECTOR
web    0/1     1            0           8m    server       registry.example.com/web:v3  app=web
`

const describedDeployment = `Name:                   web
Namespace:              shop
CreationTimestamp:      Sun, 01 Mar 2026 10:00:00 +0100
Labels:                 app=web
Annotations:            deployment.kubernetes.io/revision: 1
Selector:               app=web
Replicas:               1 desired | 1 updated | 1 total | 0 available | 1 unavailable
StrategyType:           RollingUpdate
MinReadySeconds:        0
RollingUpdateStrategy:  25% max unavailable, 25% max surge
Pod Template:
  Labels:  app=web
  Containers:
   server:
    Image:      registry.example.com/web:v3
    Port:       8080/TCP
    Host Port:  0/TCP
    Environment:  <none>
    Mounts:       <none>
  Volumes:      <none>
Conditions:
  Type           Status  Reason
  ----           ------  ------
  Available      False   MinimumReplicasUnavailable
OldReplicaSets:  <none>
NewReplicaSet:   web-64ddc5c766 (1/1 replicas created)
Events:          <none>
`

func terminal() string {
	return "user@host:~$ kubectl get deploy -n shop -o wide\n" + deployments +
		"user@host:~$ kubectl describe deploy web -n shop\n" + describedDeployment +
		"user@host:~$ k get rs -n shop\nNAME             DESIRED   CURRENT   READY   AGE\nweb-64ddc5c766   1         1         0       8m\n" +
		"user@host:~$ kubectl describe pod web-64ddc5c766-mj2m8 -n shop\n" + fmt.Sprintf(samplePod, "web-64ddc5c766-mj2m8") +
		"user@host:~$ kubectl get events -n shop | grep web\n58s   Warning   BackOff   pod/web-64ddc5c766-mj2m8   Back-off restarting failed container server\n" +
		"user@host:~/dir$ kubectl get cm -n shop\nNo resources found in shop namespace.\n" +
		"user@host:~/dir$ kubectl get svc web -n shop\nError from server (NotFound): services \"web\" not found\n" +
		"user@host:~/dir$ kubectl logs deploy/web -n shop --previous\nstarting\naborting: bad input\n" +
		"user@host:~/dir$ uptime\n 10:00:00 up 3 days\nuser@host:~/dir$ \n"
}

func TestTerminal(t *testing.T) {
	r, report := read(t, "session.txt", terminal())
	want(t, "states", r.lines(record.TypeState), `
Deployment/shop/web described
ReplicaSet/shop/web-64ddc5c766 columns <Deployment/web
Pod/shop/web-64ddc5c766-mj2m8 described <ReplicaSet/web-64ddc5c766 <Deployment/web @node-1`)
	want(t, "listings", r.lines(record.TypeListing), `
Deployment/shop/ 1
ReplicaSet/shop/ 1
ConfigMap/shop/ 0`)
	want(t, "absences", r.lines(record.TypeAbsence), "Service/shop/web absent")
	want(t, "events", r.lines(record.TypeEvent), `
Pod/shop/web-64ddc5c766-mj2m8 Normal Scheduled x0 09:02:00..09:02:00 Successfully assigned shop/web to node-1 <ReplicaSet/web-64ddc5c766 <Deployment/web @node-1
Pod/shop/web-64ddc5c766-mj2m8 Warning BackOff x3 09:03:59..09:07:03 Back-off restarting failed container server <ReplicaSet/web-64ddc5c766 <Deployment/web @node-1`)
	want(t, "logs", r.lines(record.TypeLog), `
Pod/shop/web-64ddc5c766-mj2m8  previous=true ["starting" "aborting: bad input"] <ReplicaSet/web-64ddc5c766 <Deployment/web @node-1
cluster  previous=false [" 10:00:00 up 3 days"]`)
	if got := report.Time.Format(time.RFC3339); got != "2026-03-01T09:08:00Z" || !report.Exact {
		t.Errorf("time %s %q", got, report.Origin)
	}
	if len(report.Damage) > 0 || len(report.Unread) > 0 {
		t.Errorf("damage %v, unread %v", report.Damage, report.Unread)
	}
}

// TestMerge lays the views of one object over each other: what only the table
// shows is there beside what only the description shows.
func TestMerge(t *testing.T) {
	table := "NAME                   READY   STATUS             RESTARTS        AGE   IP             NODE     LABELS\n" +
		"web-64ddc5c766-mj2m8   0/1     CrashLoopBackOff   5 (57s ago)     8m    172.20.1.220   node-1   app=web,extra=yes\n"
	outputs, err := json.Marshal(map[string]string{
		"kubectl get pods -n shop -o wide --show-labels":           table,
		"kubectl describe pods web-64ddc5c766-mj2m8 -n shop":       fmt.Sprintf(samplePod, "web-64ddc5c766-mj2m8"),
		"kubectl get deployment web -n shop -o yaml":               "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: shop\n  uid: u1\n  creationTimestamp: \"2026-03-01T09:00:00Z\"\nspec:\n  paused: true\n",
		"kubectl get deployments -n shop -o wide --sort-by='.x.y'": deployments,
	})
	if err != nil {
		t.Fatal(err)
	}
	r, _ := read(t, "commands.json", string(outputs))
	var p corev1.Pod
	r.object(t, "Pod/shop/web-64ddc5c766-mj2m8", &p)
	if p.Labels["extra"] != "yes" || p.Spec.Containers[0].Image != "registry.example.com/web:v3" || len(p.Status.ContainerStatuses) != 1 {
		t.Errorf("merged pod: %+v", p)
	}
	if c := p.Status.ContainerStatuses[0]; c.Name != "server" || c.RestartCount != 5 || c.LastTerminationState.Terminated.ExitCode != 134 {
		t.Errorf("merged status: %+v", c)
	}
	want(t, "states", r.lines(record.TypeState), `
Deployment/shop/web full
Pod/shop/web-64ddc5c766-mj2m8 described <ReplicaSet/web-64ddc5c766 @node-1`)
	var d struct{ Spec struct{ Paused bool } }
	if r.object(t, "Deployment/shop/web", &d); !d.Spec.Paused {
		t.Error("the whole object is not the base")
	}
}

func TestTables(t *testing.T) {
	r, report := read(t, "all.txt", `NAMESPACE   NAME           READY   STATUS                       RESTARTS   AGE
shop        pod/web-1      2/3     Running                      4          2d
pay         pod/db-0       0/1     Init:CrashLoopBackOff        7          2d

NAMESPACE   NAME                  TYPE           CLUSTER-IP     EXTERNAL-IP   PORT(S)                      AGE
shop        service/web           LoadBalancer   10.96.0.9      <pending>     80:30080/TCP,443:30443/TCP   2d
`, "nodes.txt", `NAME   STATUS                        ROLES           AGE    VERSION   INTERNAL-IP   EXTERNAL-IP   OS-IMAGE         KERNEL-VERSION   CONTAINER-RUNTIME
n1     NotReady,SchedulingDisabled   control-plane   109d   v1.31.2   10.0.0.1      <none>        Ubuntu 22.04.5   5.15.0           containerd://1.7.23
`, "top.txt", "NAME   CPU(cores)   CPU%   MEMORY(bytes)   MEMORY%\nn1     500m         25%    1024Mi          50%\n",
		"storage.txt", "NAME   STATUS    VOLUME   CAPACITY   ACCESS MODES   STORAGECLASS   AGE\ndata   Pending                                      fast           5m\n")
	want(t, "states", r.lines(record.TypeState), `
Pod/shop/web-1 columns
Pod/pay/db-0 columns
Service/shop/web columns
Node/n1 columns @n1
PersistentVolumeClaim/data columns`)
	want(t, "usage", r.lines(record.TypeUsage), "Node/n1 cpu 0.5/2 @n1\nNode/n1 memory 1.073741824e+09/2147483648 @n1")
	var p corev1.Pod
	r.object(t, "Pod/shop/web-1", &p)
	if s := p.Status; len(s.ContainerStatuses) != 3 || s.ContainerStatuses[2].Ready || s.ContainerStatuses[2].RestartCount != 4 || s.Conditions[0].Status != "False" {
		t.Errorf("pod: %+v", s)
	}
	var db corev1.Pod
	r.object(t, "Pod/pay/db-0", &db)
	if w := db.Status.InitContainerStatuses[0].State.Waiting; w == nil || w.Reason != "CrashLoopBackOff" || db.Status.Phase != corev1.PodPending {
		t.Errorf("init: %+v", db.Status)
	}
	var s corev1.Service
	r.object(t, "Service/shop/web", &s)
	if len(s.Spec.Ports) != 2 || s.Spec.Ports[1].NodePort != 30443 || s.Status.LoadBalancer.Ingress != nil {
		t.Errorf("service: %+v", s)
	}
	if len(report.Damage) > 0 || report.Exact || report.Origin != "the files' own time" {
		t.Errorf("%+v", report)
	}
}

// TestPlaces gives objects of tables that show no namespace the one that the same
// object has elsewhere, or the only one that there is.
func TestPlaces(t *testing.T) {
	r, _ := read(t, "a.txt", fmt.Sprintf(samplePod, "web-1"), "b.txt", "NAME    READY   STATUS    RESTARTS   AGE\nweb-1   1/1     Running   0          5m\nweb-2   1/1     Running   0          5m\n")
	want(t, "states", r.lines(record.TypeState), `
Pod/shop/web-1 described <ReplicaSet/web-64ddc5c766 @node-1
Pod/shop/web-2 columns`)
}
