package objects

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

func watchFake(t *testing.T, config *rest.Config, o Options) (*Watcher, *sink) {
	t.Helper()
	to := &sink{}
	o.Config, o.To = config, to
	w, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { _ = w.Run(ctx); close(ended) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Error("Run does not end")
		}
	})
	select {
	case <-w.Ready():
	case <-time.After(20 * time.Second):
		t.Fatalf("not ready: %+v", w.Status())
	}
	return w, to
}

func state(kind, name string) func(record.Record) bool {
	return func(r record.Record) bool {
		return r.Type() == record.TypeState && r.Object.Kind == kind && r.Object.Name == name
	}
}

func shop(t *testing.T, f *fakeAPI) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{ObjectMeta: meta("shop", "web-1-x", "p", &metav1.OwnerReference{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-1", UID: "uid-r"}), Spec: corev1.PodSpec{NodeName: "n1"}}
	f.put(t, "deployments", &appsv1.Deployment{ObjectMeta: meta("shop", "web", "d", nil)})
	f.put(t, "replicasets", &appsv1.ReplicaSet{ObjectMeta: meta("shop", "web-1", "r", &metav1.OwnerReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web", UID: "uid-d"})})
	f.put(t, "pods", pod)
	return pod
}

func TestWatcherRecordsStatesAndOwners(t *testing.T) {
	f, config := newFakeAPI(t)
	shop(t, f)
	_, to := watchFake(t, config, Options{LogLines: -1})
	r := to.until(t, "the pod", state("Pod", "web-1-x"))
	var pod corev1.Pod
	if err := json.Unmarshal(r.Payload.(*record.State).Whole, &pod); err != nil || pod.Kind != "Pod" || pod.APIVersion != "v1" {
		t.Errorf("whole state is %s %s, %v", pod.APIVersion, pod.Kind, err)
	}
	want := []record.Ref{{Group: "apps", Kind: "ReplicaSet", Namespace: "shop", Name: "web-1", UID: "uid-r"}, {Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web", UID: "uid-d"}}
	if !slices.Equal(r.Owners, want) || r.Node != "n1" || r.Object.UID != "uid-p" {
		t.Errorf("owners %v, node %q, object %+v", r.Owners, r.Node, r.Object)
	}
	to.until(t, "the listing of pods", func(r record.Record) bool {
		l, ok := r.Payload.(*record.Listing)
		return ok && r.Object == record.Ref{Kind: "Pod"} && l.Count == 1
	})
	to.until(t, "an empty listing", func(r record.Record) bool {
		l, ok := r.Payload.(*record.Listing)
		return ok && r.Object == record.Ref{Kind: "PersistentVolume"} && l.Count == 0
	})
}

func TestWatcherRecordsEachEndOnce(t *testing.T) {
	f, config := newFakeAPI(t)
	pod := shop(t, f)
	f.logs["/api/v1/namespaces/shop/pods/web-1-x/log previous=false"] = "2026-11-24T10:00:00Z Assertion failed\n"
	_, to := watchFake(t, config, Options{})
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{crashed("1")}
	f.change(t, "MODIFIED", "pods", pod)
	pod.Status.Phase = corev1.PodRunning
	f.change(t, "MODIFIED", "pods", pod)
	// The next instance runs, then ends too.
	pod.Status.ContainerStatuses[0].LastTerminationState = pod.Status.ContainerStatuses[0].State
	pod.Status.ContainerStatuses[0].State = corev1.ContainerState{}
	f.change(t, "MODIFIED", "pods", pod)
	pod.Status.ContainerStatuses[0].State = crashed("2").State
	f.change(t, "MODIFIED", "pods", pod)
	f.change(t, "MODIFIED", "pods", pod)
	f.change(t, "DELETED", "pods", pod)
	to.until(t, "the removal", func(r record.Record) bool {
		s, ok := r.Payload.(*record.State)
		return ok && s.Deleted && r.Object.Name == "web-1-x" && len(r.Owners) == 2
	})
	ends := 0
	for _, r := range to.all() {
		if e, ok := r.Payload.(*record.Exit); ok {
			ends++
			if e.Code != 134 || e.Container != "app" || len(r.Owners) != 2 || r.Node != "n1" {
				t.Errorf("end is %+v of %v on %q", e, r.Owners, r.Node)
			}
		}
	}
	if ends != 2 {
		t.Errorf("%d ends are recorded, want 2", ends)
	}
	log := to.until(t, "the log", func(r record.Record) bool { return r.Type() == record.TypeLog })
	if l := log.Payload.(*record.Log); len(l.Lines) != 1 || !strings.Contains(l.Lines[0], "Assertion failed") {
		t.Errorf("log is %+v", l)
	}
}

func TestWatcherRecordsEvents(t *testing.T) {
	f, config := newFakeAPI(t)
	shop(t, f)
	at := metav1.NewTime(time.Now().Truncate(time.Second))
	f.put(t, "events", &corev1.Event{
		ObjectMeta: meta("shop", "web.1", "e", nil), Type: "Warning", Reason: "BackOff", Message: "Back-off restarting", Count: 3,
		FirstTimestamp: at, LastTimestamp: at, Source: corev1.EventSource{Component: "kubelet", Host: "n1"},
		InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: "web-1-x", UID: "uid-p", FieldPath: "spec.containers{app}"},
	})
	_, to := watchFake(t, config, Options{LogLines: -1})
	r := to.until(t, "the event", func(r record.Record) bool { return r.Type() == record.TypeEvent })
	want := record.Event{Kind: "Warning", Reason: "BackOff", Message: "Back-off restarting", Component: "kubelet", Count: 3, First: at.UTC(), Last: at.UTC(), FieldPath: "spec.containers{app}"}
	if e := *r.Payload.(*record.Event); e != want || r.Object.Kind != "Pod" || r.Node != "n1" || !r.Time.Equal(at.Time) {
		t.Errorf("event is %+v of %+v at %s", e, r.Object, r.Time)
	}
}

func TestRefusedKindsStopNothing(t *testing.T) {
	f, config := newFakeAPI(t)
	shop(t, f)
	_, secrets := pathOf(t, "secrets")
	_, webhooks := pathOf(t, "apiservices")
	f.refuse[secrets], f.refuse[webhooks] = http.StatusForbidden, http.StatusNotFound
	w, to := watchFake(t, config, Options{LogLines: -1, Resources: []string{"widgets.example.com"}})
	to.until(t, "the pod", state("Pod", "web-1-x"))
	problems := map[string]string{}
	for _, s := range w.Status() {
		if s.Problem != "" {
			problems[s.Kind] = s.Problem
		}
	}
	if len(problems) != 3 || problems["Secret"] == "" || problems["APIService"] == "" || problems["widgets.example.com"] == "" {
		t.Errorf("problems are %v", problems)
	}
	for _, r := range to.all() {
		if r.Object.Kind == "Secret" {
			t.Errorf("a record of Secrets although they may not be listed: %+v", r)
		}
	}
}

func TestRefreshHandsAllOverAgain(t *testing.T) {
	f, config := newFakeAPI(t)
	shop(t, f)
	at := metav1.NewTime(time.Now().Truncate(time.Second))
	f.put(t, "events", &corev1.Event{ObjectMeta: meta("shop", "web.1", "e", nil), Type: "Warning", Reason: "BackOff", FirstTimestamp: at, LastTimestamp: at})
	_, to := watchFake(t, config, Options{LogLines: -1, Refresh: 500 * time.Millisecond})
	count := func(what func(record.Record) bool) (n int) {
		for _, r := range to.all() {
			if what(r) {
				n++
			}
		}
		return n
	}
	for end := time.Now().Add(15 * time.Second); count(state("Deployment", "web")) < 3 && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond) // of another's clock: the refresh's
	}
	n, events := count(state("Deployment", "web")), count(func(r record.Record) bool { return r.Type() == record.TypeEvent })
	if n < 3 || events != 1 {
		t.Errorf("the Deployment was handed over %d times, want 3; the Event %d times, want 1", n, events)
	}
}

const password = "hunter2-correct-horse"

// No record may have a Secret's value in any form, nor a copy of it.
func TestSecretValuesAppearNowhere(t *testing.T) {
	f, config := newFakeAPI(t)
	secret := func(name string) *corev1.Secret {
		s := &corev1.Secret{ObjectMeta: meta("shop", name, name, nil), Data: map[string][]byte{"password": []byte(password)}, StringData: map[string]string{"again": password}}
		s.Annotations = map[string]string{lastApplied: `{"data":"` + password + `"}`, "copy": password}
		return s
	}
	f.put(t, "secrets", secret("db"))
	_, keyed := watchFake(t, config, Options{LogLines: -1, SecretKey: []byte("k")})
	f.change(t, "ADDED", "secrets", secret("late"))
	keyed.until(t, "the late Secret", state("Secret", "late"))
	all := keyed.all()
	records, _, err := Snapshot(context.Background(), config, SnapshotOptions{})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, r := range append(all, records...) {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{password, "aHVudGVyMi1jb3JyZWN0LWhvcnNl"} {
			if strings.Contains(string(text), form) {
				t.Errorf("a value appears in %s", text)
			}
		}
		if r.Object.Kind == "Secret" && r.Type() == record.TypeState {
			seen++
			var s corev1.Secret
			if err := json.Unmarshal(r.Payload.(*record.State).Whole, &s); err != nil {
				t.Fatal(err)
			}
			if _, ok := s.Data["password"]; !ok || s.ResourceVersion != "5" {
				t.Errorf("keys and version are not kept: %s", text)
			}
		}
	}
	if seen < 3 {
		t.Errorf("%d states of Secrets, want 3", seen)
	}
}

func TestSecretHashesTellChanges(t *testing.T) {
	a, b := hash([]byte("k"), "n", []byte("1")), hash([]byte("k"), "n", []byte("2"))
	if string(a) == string(b) || string(a) == string(hash([]byte("other"), "n", []byte("1"))) || hash(nil, "n", []byte("1")) != nil {
		t.Errorf("hashes %q, %q", a, b)
	}
}

// TestStreamedListHandsOnAtOnce goes as a reflector does that streams a list.
func TestStreamedListHandsOnAtOnce(t *testing.T) {
	to := &sink{}
	w, err := New(Options{Config: &rest.Config{Host: "http://127.0.0.1:1"}, To: to, LogLines: -1})
	if err != nil {
		t.Fatal(err)
	}
	s := w.stores["Pod"]
	stream := func(names ...string) (gathered []any) {
		hand := s.Transformer()
		for _, n := range names {
			o, err := hand(&corev1.Pod{ObjectMeta: meta("shop", n, n, nil)})
			if err != nil {
				t.Fatal(err)
			}
			gathered = append(gathered, o)
		}
		return gathered
	}
	first := stream("a", "b")
	if n := len(to.all()); n != 2 {
		t.Errorf("%d records before the list is whole, want 2", n)
	}
	if _, whole := first[0].(*corev1.Pod); whole {
		t.Error("whole objects are gathered")
	}
	if err := s.Replace(first, "1"); err != nil {
		t.Fatal(err)
	}
	stream("b", "c") // it breaks off
	if err := s.Replace(stream("b", "c"), "2"); err != nil {
		t.Fatal(err)
	}
	gone := map[string]int{}
	for _, r := range to.all() {
		if p, ok := r.Payload.(*record.State); ok && p.Deleted {
			gone[r.Object.Name]++
		}
	}
	if len(gone) != 1 || gone["a"] != 1 {
		t.Errorf("gone are %v, want a", gone)
	}
}

// TestEventsOfABrokenStreamAreNotLost: those that had not come when a list broke off
// may be older than those that had.
func TestEventsOfABrokenStreamAreNotLost(t *testing.T) {
	to := &sink{}
	w, err := New(Options{Config: &rest.Config{Host: "http://127.0.0.1:1"}, To: to, LogLines: -1})
	if err != nil {
		t.Fatal(err)
	}
	s := w.stores["Event"]
	event := func(name string, minute int) *corev1.Event {
		return &corev1.Event{ObjectMeta: meta("shop", name, name, nil), Reason: name, LastTimestamp: metav1.NewTime(time.Date(2026, 3, 1, 9, minute, 0, 0, time.UTC))}
	}
	hand := func(events ...*corev1.Event) (gathered []any) {
		f := s.Transformer()
		for _, e := range events {
			o, err := f(e)
			if err != nil {
				t.Fatal(err)
			}
			gathered = append(gathered, o)
		}
		return gathered
	}
	hand(event("Late", 10)) // it breaks off
	if err := s.Replace(hand(event("Late", 10), event("Early", 5)), "1"); err != nil {
		t.Fatal(err)
	}
	before := len(to.all())
	if !slices.ContainsFunc(to.all(), func(r record.Record) bool { e, ok := r.Payload.(*record.Event); return ok && e.Reason == "Early" }) {
		t.Error("the Event that came after the break is lost")
	}
	hand(event("Late", 10), event("Early", 5)) // a refresh
	if n := len(to.all()); n != before {
		t.Errorf("a refresh handed on %d Events again", n-before)
	}
}
