// Package recordtest makes records of small clusters by hand, for tests: a healthy
// shop first, and what one breaks in it then.
package recordtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Start is when the clusters were made.
var Start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// Now is when they are looked at.
var Now = Start.Add(2 * time.Hour)

// Namespace is where the shop is.
const Namespace = "shop"

// Cluster is objects and what was said of them.
type Cluster struct {
	Objects map[record.Ref]metav1.Object
	Said    []record.Record
	// Before are earlier states; since is when the objects became what they are.
	Before []record.Record
	since  map[record.Ref]time.Time
	// Unlisted are kinds of which it is not known that all are known.
	Unlisted map[string]bool
}

// New is a healthy shop: web calls cart, cart calls cache; three nodes.
func New() *Cluster {
	c := &Cluster{Objects: map[record.Ref]metav1.Object{}, Unlisted: map[string]bool{}, since: map[record.Ref]time.Time{}}
	for _, n := range []string{"n1", "n2", "n3"} {
		c.Put(Node(n))
	}
	c.App("web", 80, "cart:7000")
	c.App("cart", 7000, "cache:6379")
	c.App("cache", 6379, "")
	return c
}

// Ref is the reference of an object.
func Ref(o metav1.Object) record.Ref {
	kind := fmt.Sprintf("%T", o)
	return record.Ref{Kind: kind[slices.Index([]byte(kind), '.')+1:], Namespace: o.GetNamespace(), Name: o.GetName()}
}

// Put adds or replaces an object.
func (c *Cluster) Put(o metav1.Object) { c.Objects[Ref(o)] = o }

// Drop takes an object away.
func (c *Cluster) Drop(o metav1.Object) { delete(c.Objects, Ref(o)) }

// Node is a node that is well.
func Node(name string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/hostname": name}, CreationTimestamp: at(0)}}
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastTransitionTime: at(0)}}
	n.Status.Allocatable = corev1.ResourceList{"cpu": resource.MustParse("4"), "memory": resource.MustParse("8Gi"), "pods": resource.MustParse("110")}
	return n
}

func at(after time.Duration) metav1.Time { return metav1.NewTime(Start.Add(after)) }

// App adds a Deployment of one pod and its Service; calls is the address of what it
// calls, or empty.
func (c *Cluster) App(name string, port int32, calls string) {
	labels := map[string]string{"app": name}
	meta := metav1.ObjectMeta{Name: name, Namespace: Namespace, CreationTimestamp: at(0), Labels: labels}
	spec := corev1.PodSpec{Containers: []corev1.Container{{
		Name: name, Image: "registry.example/" + name + ":1", Ports: []corev1.ContainerPort{{ContainerPort: port, Protocol: corev1.ProtocolTCP}},
	}}}
	if calls != "" {
		spec.Containers[0].Env = []corev1.EnvVar{{Name: "UPSTREAM_ADDR", Value: calls}}
	}
	one := int32(1)
	d := &appsv1.Deployment{ObjectMeta: meta}
	d.Spec = appsv1.DeploymentSpec{Replicas: &one, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec}}
	d.Status = appsv1.DeploymentStatus{Replicas: 1, ReadyReplicas: 1}
	c.Put(d)
	s := &corev1.Service{ObjectMeta: meta}
	s.Spec = corev1.ServiceSpec{Selector: labels, ClusterIP: fmt.Sprintf("10.96.0.%d", 10+len(c.Objects)), Ports: []corev1.ServicePort{{Port: port, TargetPort: intstr.FromInt32(port), Protocol: corev1.ProtocolTCP}}}
	c.Put(s)
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name + "-6d5f7c8b9d-abcde", Namespace: Namespace, Labels: map[string]string{"app": name, "pod-template-hash": "6d5f7c8b9d"}, CreationTimestamp: at(0)}}
	p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: name + "-6d5f7c8b9d"}}
	p.Spec = *spec.DeepCopy()
	p.Spec.NodeName = "n1"
	p.Status.Phase = corev1.PodRunning
	p.Status.PodIP = fmt.Sprintf("10.1.0.%d", 10+len(c.Objects))
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: at(0)}, {Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: at(time.Minute)}}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: name, Ready: true, Image: spec.Containers[0].Image, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at(0)}}}}
	c.Put(p)
	e := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Name: name + "-x1", Namespace: Namespace, Labels: map[string]string{discoveryv1.LabelServiceName: name}}}
	ready := true
	e.Endpoints = []discoveryv1.Endpoint{{Addresses: []string{p.Status.PodIP}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}}
	c.Put(e)
}

// Get finds an object by its kind and name.
func Get[T any](c *Cluster, name string) *T {
	for _, o := range c.Objects {
		if v, ok := o.(any).(*T); ok && o.GetName() == name {
			return v
		}
	}
	panic(fmt.Sprintf("no %T %s", *new(T), name))
}

// Deployment is that of an app.
func (c *Cluster) Deployment(app string) *appsv1.Deployment { return Get[appsv1.Deployment](c, app) }

// Service is that of an app.
func (c *Cluster) Service(app string) *corev1.Service { return Get[corev1.Service](c, app) }

// Pod is that of an app.
func (c *Cluster) Pod(app string) *corev1.Pod { return Get[corev1.Pod](c, app+"-6d5f7c8b9d-abcde") }

// Node is one of the nodes.
func (c *Cluster) Node(name string) *corev1.Node { return Get[corev1.Node](c, name) }

// Down makes an app's pod not ready, and takes it out of the endpoints.
func (c *Cluster) Down(app string) *corev1.Pod {
	p := c.Pod(app)
	for i := range p.Status.Conditions {
		if p.Status.Conditions[i].Type == corev1.PodReady {
			p.Status.Conditions[i].Status = corev1.ConditionFalse
			p.Status.Conditions[i].LastTransitionTime = at(110 * time.Minute)
		}
	}
	for i := range p.Status.ContainerStatuses {
		p.Status.ContainerStatuses[i].Ready = false
	}
	no := false
	Get[discoveryv1.EndpointSlice](c, app+"-x1").Endpoints[0].Conditions.Ready = &no
	c.Deployment(app).Status.ReadyReplicas = 0
	return p
}

// Waits makes an app's container wait for a reason.
func (c *Cluster) Waits(app, reason, message string) {
	c.Down(app).Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

// Crashes makes an app's container end again and again.
func (c *Cluster) Crashes(app string, code int32, reason string) {
	c.Waits(app, "CrashLoopBackOff", "back-off 5m0s restarting failed container")
	s := &c.Pod(app).Status.ContainerStatuses[0]
	s.RestartCount = 7
	s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, FinishedAt: at(115 * time.Minute)}
}

// Pending takes an app's pod off its node, with what the scheduler says of it.
func (c *Cluster) Pending(app, message string) {
	p := c.Down(app)
	p.Spec.NodeName = ""
	p.Status.Phase = corev1.PodPending
	p.Status.ContainerStatuses = nil
	if message == "" {
		p.Status.Conditions = nil
		return
	}
	p.Status.Conditions[0] = corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: message, LastTransitionTime: at(time.Hour)}
	c.Event(p, "FailedScheduling", message)
}

// Gone takes an app's pod away.
func (c *Cluster) Gone(app string) {
	c.Down(app)
	c.Drop(c.Pod(app))
	c.Deployment(app).Status.Replicas = 0
}

// Event adds a Warning, five minutes ago.
func (c *Cluster) Event(o metav1.Object, reason, message string) {
	c.Said = append(c.Said, record.Record{Time: Now.Add(-time.Minute), Source: "events", Object: Ref(o),
		Payload: &record.Event{Kind: "Warning", Reason: reason, Message: message, Count: 5, First: Now.Add(-10 * time.Minute), Last: Now.Add(-time.Minute)}})
}

// SetEvent adds a Warning about an app's ReplicaSet.
func (c *Cluster) SetEvent(app, reason, message string) {
	c.Event(&appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: app + "-6d5f7c8b9d", Namespace: Namespace}}, reason, message)
}

// Log adds lines to the log of an app's pod.
func (c *Cluster) Log(app string, lines ...string) {
	c.Said = append(c.Said, record.Record{Time: Now, Source: "logs", Object: record.Ref{Kind: "Pod", Namespace: Namespace, Name: app + "-6d5f7c8b9d-abcde"},
		Payload: &record.Log{Container: app, Lines: lines}})
}

// Alert adds an alert about an app, ten minutes old.
func (c *Cluster) Alert(app, name, text string) {
	c.Say(record.Ref{}, &record.Alert{Name: name, Labels: map[string]string{"alertname": name, "namespace": Namespace, "service": app}, Annotations: map[string]string{"description": text}, StartsAt: Now.Add(-10 * time.Minute)})
}

// Say adds any record.
func (c *Cluster) Say(about record.Ref, p record.Payload) {
	c.Said = append(c.Said, record.Record{Time: Now, Source: "test", Object: about, Payload: p})
}

// Records are all of it: objects, then listings, then what was said.
func (c *Cluster) Records() []record.Record {
	var refs []record.Ref
	for r := range c.Objects {
		refs = append(refs, r)
	}
	slices.SortFunc(refs, record.Ref.Compare)
	out := slices.Clone(c.Before)
	for _, r := range refs {
		data, err := json.Marshal(c.Objects[r])
		if err != nil {
			panic(err) // they are made here
		}
		at := Now
		if t, ok := c.since[r]; ok {
			at = t
		}
		out = append(out, record.Record{Time: at, Source: "api", Object: r, Payload: &record.State{Whole: data}})
	}
	for _, kind := range []string{"Pod", "Service", "Deployment", "ConfigMap", "Secret", "ServiceAccount", "PersistentVolumeClaim", "PersistentVolume", "StorageClass", "Node", "ResourceQuota"} {
		if !c.Unlisted[kind] {
			out = append(out, record.Record{Time: Now, Source: "api", Object: record.Ref{Kind: kind}, Payload: &record.Listing{}})
		}
	}
	return append(out, c.Said...)
}

// Was adds an earlier state of an object, so long ago that it was changed.
func (c *Cluster) Was(o metav1.Object, ago time.Duration) {
	data, err := json.Marshal(o)
	if err != nil {
		panic(err) // it is made here
	}
	c.Before = append(c.Before, record.Record{Time: Now.Add(-ago - time.Hour), Source: "api", Object: Ref(o), Payload: &record.State{Whole: data}})
	c.since[Ref(o)] = Now.Add(-ago)
}
