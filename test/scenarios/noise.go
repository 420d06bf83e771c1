package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// noisePrefix starts the names of all namespaces and nodes of the noise.
const noisePrefix = "zz-noise-"

// noiseObjects is how many failing objects there are.
const noiseObjects = 500

// noiseAt is unrelated failing objects of mixed kinds in namespaces of their own,
// on nodes of their own; the same for the same time.
func noiseAt(now time.Time) []record.Record {
	n := &noiseMaker{now: now, rand: rand.New(rand.NewPCG(7, 11))}
	for i := range 10 {
		n.node(fmt.Sprintf("%snode-%d", noisePrefix, i))
	}
	makers := []func(int){
		n.crashing, n.crashing, n.unpullable, n.unschedulable, n.unbound, n.unselecting, n.failedJob, n.blindScaler, n.misconfigured, n.unready,
	}
	for i := range noiseObjects {
		makers[i%len(makers)](i)
	}
	return n.out
}

type noiseMaker struct {
	now  time.Time
	rand *rand.Rand
	out  []record.Record
}

type object = map[string]any

func (n *noiseMaker) ago() time.Time {
	return n.now.Add(-time.Duration(n.rand.IntN(5400)+60) * time.Second)
}

func (n *noiseMaker) namespace() string { return fmt.Sprintf("%s%d", noisePrefix, n.rand.IntN(12)) }

func (n *noiseMaker) say(at time.Time, ref record.Ref, p record.Payload) {
	n.out = append(n.out, record.Record{Time: at, Source: "noise", Object: ref, Payload: p})
}

// put adds an object's state.
func (n *noiseMaker) put(apiVersion, kind, ns, name string, rest object) record.Ref {
	meta := object{"name": name, "creationTimestamp": n.now.Add(-26 * time.Hour).Format(time.RFC3339), "labels": object{"app": name}}
	if ns != "" {
		meta["namespace"] = ns
	}
	if owner, ok := rest["owner"].(object); ok {
		meta["ownerReferences"] = []object{owner}
		delete(rest, "owner")
	}
	rest["apiVersion"], rest["kind"], rest["metadata"] = apiVersion, kind, meta
	data, err := json.Marshal(rest)
	if err != nil {
		panic(err) // maps of strings and numbers
	}
	group, _, ok := strings.Cut(apiVersion, "/")
	if !ok {
		group = ""
	}
	ref := record.Ref{Group: group, Kind: kind, Namespace: ns, Name: name}
	n.say(n.now, ref, &record.State{Whole: data})
	return ref
}

func (n *noiseMaker) node(name string) {
	n.put("v1", "Node", "", name, object{"status": object{
		"allocatable": object{"cpu": "8", "memory": "32Gi", "pods": "110"},
		"conditions":  []object{{"type": "Ready", "status": "True", "reason": "KubeletReady"}},
	}})
}

// pod is one pod of a Deployment with the container's status as given.
func (n *noiseMaker) pod(i int, app string, spec, status object) record.Ref {
	ns, name := n.namespace(), fmt.Sprintf("%s-%d", app, i)
	container := object{"name": "main", "image": "registry.example.net/" + app + ":1.4"}
	template := object{"metadata": object{"labels": object{"app": name}}, "spec": object{"containers": []object{container}}}
	n.put("apps/v1", "Deployment", ns, name, object{
		"spec":   object{"replicas": 1, "selector": object{"matchLabels": object{"app": name}}, "template": template},
		"status": object{"replicas": 1, "unavailableReplicas": 1},
	})
	full := object{"containers": []object{container}}
	for k, v := range spec {
		full[k] = v
	}
	return n.put("v1", "Pod", ns, name+"-7c9d8b6f5-xk2lp", object{
		"owner": object{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name + "-7c9d8b6f5", "uid": name},
		"spec":  full, "status": status,
	})
}

func (n *noiseMaker) placed() object {
	return object{"nodeName": fmt.Sprintf("%snode-%d", noisePrefix, n.rand.IntN(10))}
}

func waiting(reason, message string, more object) object {
	s := object{"name": "main", "ready": false, "restartCount": 0, "state": object{"waiting": object{"reason": reason, "message": message}}}
	for k, v := range more {
		s[k] = v
	}
	return object{"phase": "Running", "containerStatuses": []object{s}, "conditions": []object{{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}}}
}

func (n *noiseMaker) crashing(i int) {
	code := []int{1, 2, 137, 139, 134}[n.rand.IntN(5)]
	at := n.ago()
	end := object{"exitCode": code, "reason": "Error", "finishedAt": at.Format(time.RFC3339), "startedAt": at.Add(-20 * time.Second).Format(time.RFC3339)}
	if code == 137 {
		end["reason"] = "OOMKilled"
	}
	ref := n.pod(i, "worker", n.placed(), waiting("CrashLoopBackOff", "back-off 5m0s restarting failed container", object{"restartCount": 9, "lastState": object{"terminated": end}}))
	n.say(at, ref, &record.Event{Kind: "Warning", Reason: "BackOff", Message: "Back-off restarting failed container main in pod " + ref.Name, Count: 30, First: at.Add(-time.Hour), Last: at})
	n.say(at, ref, &record.Log{Container: "main", Previous: true, Lines: []string{"starting", "fatal: cannot go on"}})
}

func (n *noiseMaker) unpullable(i int) {
	ref := n.pod(i, "front", n.placed(), waiting("ImagePullBackOff", `Back-off pulling image "registry.example.net/front:1.4"`, nil))
	n.say(n.ago(), ref, &record.Event{Kind: "Warning", Reason: "Failed", Message: `Failed to pull image "registry.example.net/front:1.4": rpc error: code = NotFound desc = failed to pull and unpack image "registry.example.net/front:1.4": not found`, Count: 5})
}

func (n *noiseMaker) unschedulable(i int) {
	message := "0/10 nodes are available: 10 Insufficient cpu. preemption: 0/10 nodes are available: 10 No preemption victims found for incoming pod."
	ref := n.pod(i, "batch", nil, object{"phase": "Pending", "conditions": []object{{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}}})
	n.say(n.ago(), ref, &record.Event{Kind: "Warning", Reason: "FailedScheduling", Message: message, Count: 12})
}

func (n *noiseMaker) unbound(i int) {
	ref := n.put("v1", "PersistentVolumeClaim", n.namespace(), fmt.Sprintf("data-%d", i), object{
		"spec":   object{"accessModes": []string{"ReadWriteOnce"}, "storageClassName": "fast-ssd", "resources": object{"requests": object{"storage": "20Gi"}}},
		"status": object{"phase": "Pending"},
	})
	n.say(n.ago(), ref, &record.Event{Kind: "Warning", Reason: "ProvisioningFailed", Message: `storageclass.storage.k8s.io "fast-ssd" not found`, Count: 8})
}

func (n *noiseMaker) unselecting(i int) {
	ns, name := n.namespace(), fmt.Sprintf("api-%d", i)
	n.put("v1", "Service", ns, name, object{"spec": object{"clusterIP": "10.111.0.9", "selector": object{"app": "gone"}, "ports": []object{{"port": 80, "targetPort": 8080}}}})
	n.put("discovery.k8s.io/v1", "EndpointSlice", ns, name+"-x7", object{"addressType": "IPv4", "endpoints": []object{}, "ports": []object{}})
}

func (n *noiseMaker) failedJob(i int) {
	ref := n.put("batch/v1", "Job", n.namespace(), fmt.Sprintf("import-%d", i), object{
		"spec":   object{"backoffLimit": 3},
		"status": object{"failed": 4, "conditions": []object{{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}}},
	})
	n.say(n.ago(), ref, &record.Event{Kind: "Warning", Reason: "BackoffLimitExceeded", Message: "Job has reached the specified backoff limit"})
}

func (n *noiseMaker) blindScaler(i int) {
	name := fmt.Sprintf("scaler-%d", i)
	ref := n.put("autoscaling/v2", "HorizontalPodAutoscaler", n.namespace(), name, object{
		"spec":   object{"minReplicas": 1, "maxReplicas": 5, "scaleTargetRef": object{"apiVersion": "apps/v1", "kind": "Deployment", "name": name}},
		"status": object{"currentReplicas": 1, "conditions": []object{{"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric", "message": "the HPA was unable to compute the replica count"}}},
	})
	n.say(n.ago(), ref, &record.Event{Kind: "Warning", Reason: "FailedGetResourceMetric", Message: "failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API", Count: 40})
}

func (n *noiseMaker) misconfigured(i int) {
	ref := n.pod(i, "mailer", n.placed(), waiting("CreateContainerConfigError", `secret "smtp" not found`, nil))
	n.say(n.ago(), ref, &record.Event{Kind: "Warning", Reason: "Failed", Message: `Error: secret "smtp" not found`, Count: 22})
}

func (n *noiseMaker) unready(i int) {
	at := n.ago()
	ref := n.pod(i, "search", n.placed(), object{
		"phase":             "Running",
		"containerStatuses": []object{{"name": "main", "ready": false, "restartCount": 0, "state": object{"running": object{"startedAt": n.now.Add(-2 * time.Hour).Format(time.RFC3339)}}}},
		"conditions":        []object{{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False", "reason": "ContainersNotReady"}},
	})
	n.say(at, ref, &record.Event{Kind: "Warning", Reason: "Unhealthy", Message: "Readiness probe failed: HTTP probe failed with statuscode: 503", Count: 60, First: at.Add(-time.Hour), Last: at})
}

// isNoise says that an object is the noise's.
func isNoise(o v1alpha1.ObjectRef) bool {
	return strings.HasPrefix(o.Namespace, noisePrefix) || o.Kind == "Namespace" && strings.HasPrefix(o.Name, noisePrefix) ||
		o.Kind == "Node" && strings.HasPrefix(o.Name, noisePrefix)
}

// touchesOther says that an incident is about something that is not noise.
func touchesOther(in *v1alpha1.IncidentStatus) bool {
	objects := []v1alpha1.ObjectRef{}
	if in.FirstCause.Object.Name != "" {
		objects = append(objects, in.FirstCause.Object)
	}
	for _, l := range in.Chain {
		objects = append(objects, l.From, l.To)
	}
	for _, c := range in.Candidates {
		objects = append(objects, c.Object)
	}
	for _, o := range objects {
		if !isNoise(o) {
			return true
		}
	}
	// Where no cause is recorded, only the radius says whom it is about.
	for _, ns := range in.BlastRadius.Namespaces {
		if !strings.HasPrefix(ns, noisePrefix) {
			return true
		}
	}
	return false
}
