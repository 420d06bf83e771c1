package incident

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// memory is a Store that fails at first.
type memory struct {
	mu    sync.Mutex
	fails int
	kept  map[string]v1alpha1.Incident
	wrote chan v1alpha1.Incident
}

func newMemory() *memory {
	return &memory{kept: map[string]v1alpha1.Incident{}, wrote: make(chan v1alpha1.Incident, 100)}
}

func (m *memory) List(context.Context) ([]v1alpha1.Incident, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []v1alpha1.Incident
	for _, in := range m.kept {
		out = append(out, in)
	}
	return out, nil
}

func (m *memory) Write(_ context.Context, in *v1alpha1.Incident) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fails > 0 {
		m.fails--
		return errors.New("not yet")
	}
	m.kept[in.Name] = *in.DeepCopy()
	m.wrote <- *in.DeepCopy()
	return nil
}

func (m *memory) Delete(_ context.Context, in *v1alpha1.Incident) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.kept, in.Name)
	return nil
}

func stateOf(t *testing.T, group, kind string, o metav1.Object) record.Record {
	t.Helper()
	whole, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return record.Record{Time: time.Now().UTC(), Source: "api", Object: record.Ref{Group: group, Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName(), UID: string(o.GetUID())},
		Payload: &record.State{Whole: whole, Detail: record.Full}}
}

// crashing is a Deployment whose pod aborts.
func crashing(t *testing.T) []record.Record {
	yes, one := true, int32(1)
	now := metav1.NewTime(time.Now().Truncate(time.Second))
	labels := map[string]string{"app": "web"}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "web:1"}}}}
	owner := func(kind, name string) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: name, UID: "u", Controller: &yes}}
	}
	meta := func(name string, o []metav1.OwnerReference) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "shop", Name: name, UID: "uid-x", Labels: labels, OwnerReferences: o, CreationTimestamp: now}
	}
	ended := &corev1.ContainerStateTerminated{ExitCode: 134, Reason: "Error", ContainerID: "containerd://1", StartedAt: now, FinishedAt: now}
	return []record.Record{
		stateOf(t, "apps", "Deployment", &appsv1.Deployment{ObjectMeta: meta("web", nil), Spec: appsv1.DeploymentSpec{Replicas: &one, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template}}),
		stateOf(t, "apps", "ReplicaSet", &appsv1.ReplicaSet{ObjectMeta: meta("web-5d9c7b4f6d", owner("Deployment", "web")), Spec: appsv1.ReplicaSetSpec{Replicas: &one, Template: template}}),
		stateOf(t, "", "Pod", &corev1.Pod{ObjectMeta: meta("web-5d9c7b4f6d-abcde", owner("ReplicaSet", "web-5d9c7b4f6d")), Spec: corev1.PodSpec{NodeName: "n1", Containers: template.Spec.Containers},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{Name: "app", RestartCount: 1,
				State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}, LastTerminationState: corev1.ContainerState{Terminated: ended}}}}}),
	}
}

func run(t *testing.T, o Options) *Controller {
	t.Helper()
	c := New(o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { _ = c.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	return c
}

func TestControllerOpensAnIncident(t *testing.T) {
	store := newMemory()
	store.fails = 1 // and is asked again
	announced, notified := make(chan string, 10), make(chan Action, 10)
	ready := make(chan struct{})
	c := run(t, Options{Store: store, Ready: ready, Debounce: 20 * time.Millisecond,
		Announce: func(_ context.Context, in *v1alpha1.Incident, uid string) error {
			announced <- in.Status.FirstCause.Object.Name + " " + uid
			return nil
		},
		Notify: func(a Action) { notified <- a }})
	_ = c.Append(crashing(t)...)
	select {
	case in := <-store.wrote:
		t.Fatalf("an incident before all is known: %+v", in)
	case <-time.After(300 * time.Millisecond):
	}
	close(ready)
	_ = c.Append(crashing(t)...)
	in := receive(t, store.wrote)
	if o := in.Status.FirstCause.Object; o.Kind != "Deployment" || o.Name != "web" || in.Namespace != "shop" {
		t.Errorf("first cause is %+v in %s", in.Status.FirstCause, in.Namespace)
	}
	if got := receive(t, announced); got != "web uid-x" {
		t.Errorf("announced %q", got)
	}
	if a := receive(t, notified); a.Verb != Open {
		t.Errorf("notified %s", a.Verb)
	}
	if v := c.Verdict(diagnose.Options{}); len(v.Incidents) != 1 {
		t.Errorf("the verdict has %d incidents", len(v.Incidents))
	}
	if l := c.Incidents(); len(l) != 1 || l[0].Name != in.Name {
		t.Errorf("incidents are %+v", l)
	}
}

func receive[T any](t *testing.T, from chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came")
	}
	panic("not reached")
}

func TestModelForgetsButWhatAnIncidentIsAbout(t *testing.T) {
	now := time.Now()
	c := New(Options{Store: newMemory(), Now: func() time.Time { return now }})
	warning := func(pod string) record.Record {
		return record.Record{Time: now, Object: record.Ref{Kind: "Pod", Namespace: "shop", Name: pod}, Payload: &record.Event{Kind: "Warning", Reason: "BackOff", Message: "Back-off restarting failed container", Last: now}}
	}
	const culprit, other = "web-5d9c7b4f6d-abcde", "other"
	_ = c.Append(append(crashing(t), warning(culprit), warning(other))...)
	c.take()
	c.evaluate()
	if n := len(c.Incidents()); n == 0 {
		t.Fatal("no incident")
	}
	count := func(pod string) int { return len(c.model.Events(model.Key{Kind: "Pod", Namespace: "shop", Name: pod})) }
	if count(culprit) != 1 || count(other) != 1 {
		t.Fatalf("before: %d Events of the culprit, %d of another", count(culprit), count(other))
	}
	now = now.Add(window + time.Minute)
	c.known.Incidents = slices.DeleteFunc(c.known.Incidents, func(e Entry) bool { return e.Status.FirstCause.Object.Name != "web" })
	c.forget(now)
	if count(culprit) != 1 || count(other) != 0 {
		t.Errorf("after: %d Events of the culprit, want 1; %d of another, want 0", count(culprit), count(other))
	}
}

func TestOwnEventsAreNoEvidence(t *testing.T) {
	if r := (record.Record{Payload: &record.Event{Kind: "Warning", Component: component}}); !own(r) {
		t.Error("an Event of ours counts")
	}
	if r := (record.Record{Payload: &record.Event{Kind: "Warning", Component: "kubelet"}}); own(r) || !matters(r) {
		t.Error("an Event of the kubelet does not count")
	}
	if matters(record.Record{Payload: &record.Event{Kind: "Normal"}}) {
		t.Error("a normal Event counts")
	}
}

func TestQueueKeepsTheLastStates(t *testing.T) {
	q := newQueue()
	states := func(n int) []record.Record {
		out := make([]record.Record, n)
		for i := range out {
			out[i] = record.Record{Time: start.Add(time.Duration(i)), Object: record.Ref{Kind: "Pod", Name: string(rune('a' + i%7))}, Payload: &record.State{Whole: []byte("{}")}}
		}
		return out
	}
	if lost := q.put(states(100_000)); lost != 0 {
		t.Errorf("%d lost", lost)
	}
	got := q.take()
	if len(got) > coalesceAt+7 || len(got) < 7 {
		t.Errorf("%d wait", len(got))
	}
	newest := map[string]time.Time{}
	for _, r := range got {
		if r.Time.After(newest[r.Object.Name]) {
			newest[r.Object.Name] = r.Time
		}
	}
	for name, at := range newest {
		if at.Before(start.Add(100_000 - 8)) {
			t.Errorf("the last state of %s is of %s", name, at)
		}
	}
	events := make([]record.Record, maxQueue+5)
	for i := range events {
		events[i] = record.Record{Payload: &record.Event{}}
	}
	if lost := q.put(events); lost != 5 {
		t.Errorf("%d lost, want 5", lost)
	}
}
