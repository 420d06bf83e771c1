package control

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/contain/clustertest"
	"github.com/bulkhead-k8s/bulkhead/internal/contain/enforce"
	"github.com/bulkhead-k8s/bulkhead/internal/contain/store"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/recordtest"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// shelf is a Store in memory that tells of what is put on it by others.
type shelf struct {
	mu      sync.Mutex
	brakes  map[string]v1alpha1.Brake
	changes store.Changes[v1alpha1.Brake]
}

func (s *shelf) Write(_ context.Context, b *v1alpha1.Brake) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.brakes[b.Name]
	taken := *b.DeepCopy()
	if old.DeletionTimestamp == nil {
		s.brakes[b.Name] = taken
		return nil
	}
	taken.DeletionTimestamp = old.DeletionTimestamp
	s.brakes[b.Name] = taken
	if len(b.Finalizers) == 0 {
		delete(s.brakes, b.Name)
		go s.changes.Delete(b.Name) // as a watch does, later
	}
	return nil
}

// remove is what kubectl delete does.
func (s *shelf) remove(name string, at time.Time) {
	s.mu.Lock()
	b := s.brakes[name]
	b.DeletionTimestamp = &metav1.Time{Time: at}
	s.brakes[name] = b
	told := s.changes
	s.mu.Unlock()
	if told.Put != nil {
		told.Put(b.DeepCopy())
	}
}

func (s *shelf) Mark(ctx context.Context, b *v1alpha1.Brake) error { return s.Write(ctx, b) }

func (s *shelf) Delete(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.brakes, name)
	return nil
}

func (s *shelf) WatchBrakes(ctx context.Context, c store.Changes[v1alpha1.Brake]) {
	s.mu.Lock()
	s.changes = c
	there := slices.Collect(maps.Values(s.brakes))
	s.mu.Unlock()
	for i := range there {
		c.Put(&there[i])
	}
	c.Synced()
	<-ctx.Done()
}

func (s *shelf) WatchPolicies(ctx context.Context, c store.Changes[v1alpha1.ContainmentPolicy]) {
	c.Synced()
	<-ctx.Done()
}

func (s *shelf) get(name string) (v1alpha1.Brake, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.brakes[name]
	return b, ok
}

const shop = `{kind: Deployment, apiVersion: apps/v1, metadata: {namespace: shop, name: web}, spec: {replicas: 1, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}}}}
---
{kind: HorizontalPodAutoscaler, apiVersion: autoscaling/v2, metadata: {namespace: shop, name: web}, spec: {maxReplicas: 20, scaleTargetRef: {kind: Deployment, name: web}}}
`

// harness is a controller with all that it talks to.
type harness struct {
	*testing.T
	*Controller
	shelf   *shelf
	cluster *clustertest.Cluster
	stop    func()

	mu   sync.Mutex
	said []record.Action
	now  time.Time
}

func start(t *testing.T, s *shelf, cluster *clustertest.Cluster) *harness {
	return startOn(t, s, cluster, cluster)
}

// startOn is start with another way to the cluster.
func startOn(t *testing.T, s *shelf, cluster *clustertest.Cluster, way enforce.Cluster) *harness {
	t.Helper()
	h := &harness{T: t, shelf: s, cluster: cluster, now: recordtest.Now}
	h.Controller = New(Options{Store: s, Cluster: way, Now: func() time.Time { h.mu.Lock(); defer h.mu.Unlock(); return h.now },
		Record: func(r record.Record) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.said = append(h.said, *r.Payload.(*record.Action))
		}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := h.Controller.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	h.stop = func() { cancel(); <-done }
	t.Cleanup(h.stop)
	return h
}

func newCluster(t testing.TB) *clustertest.Cluster {
	t.Helper()
	c, err := clustertest.Parse(shop, map[string]string{"Deployment": "deployments", "HorizontalPodAutoscaler": "horizontalpodautoscalers"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (h *harness) eventually(what string, is func() bool) {
	h.Helper()
	for range 3000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.Fatalf("%s: brakes are %+v, and the cluster is %v", what, h.Brakes(), h.cluster.Texts())
}

func (h *harness) held() bool {
	return strings.Contains(h.cluster.Texts()["horizontalpodautoscalers/shop/web"], `"selectPolicy":"Disabled"`)
}

// crash lets the controller see that web crashes.
func (h *harness) crash(incidents ...string) {
	c := recordtest.New()
	c.Crashes("web", 134, "Error")
	m := model.New()
	for _, r := range c.Records() {
		m.Add(r)
	}
	for i := range 4 {
		m.Add(record.Record{Time: recordtest.Now.Add(-time.Duration(i+1) * time.Minute), Object: recordtest.Ref(c.Pod("web")), Payload: &record.Exit{Container: "web", Code: 134}})
	}
	var open []*v1alpha1.Incident
	for _, name := range incidents {
		in := &v1alpha1.Incident{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
		in.Status.FirstCause = v1alpha1.Cause{Object: v1alpha1.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}, Reason: "CrashedBySignal", Confidence: 0.9}
		open = append(open, in)
	}
	h.mu.Lock()
	now := h.now
	h.mu.Unlock()
	h.Observe(m, open, now)
}

func (h *harness) after(d time.Duration) {
	h.mu.Lock()
	h.now = h.now.Add(d)
	h.mu.Unlock()
}

func (h *harness) verbs(action v1alpha1.Action) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, a := range h.said {
		if a.Action == string(action) {
			out = append(out, a.Verb)
		}
	}
	return strings.Join(out, " ")
}

func (h *harness) scaleUp() (v1alpha1.Brake, bool) {
	for _, b := range h.Brakes() {
		if b.Spec.Action == v1alpha1.ActionScaleUp {
			return b, true
		}
	}
	return v1alpha1.Brake{}, false
}

func TestHoldAndItsEnd(t *testing.T) {
	h := start(t, &shelf{brakes: map[string]v1alpha1.Brake{}}, newCluster(t))
	h.crash("crash-1")
	h.eventually("scaling up is held", h.held)
	h.eventually("and that is known", func() bool {
		b, _ := h.scaleUp()
		stored, ok := h.shelf.get(b.Name)
		return ok && len(stored.Status.Undo) == 1 && stored.Labels[v1alpha1.LabelHolds] == "ScaleUp" && apimeta.IsStatusConditionTrue(stored.Status.Conditions, v1alpha1.ConditionEnforced)
	})
	events := 0
	for k, text := range h.cluster.Texts() {
		if strings.HasPrefix(k, "events/") && strings.Contains(text, "ScaleUpHeld") {
			events++
		}
	}
	if events != 1 {
		t.Errorf("%d Events tell it", events)
	}
	if h.cluster.Texts()["mutatingadmissionpolicies//bulkhead-scaleup"] == "" {
		t.Error("new pods are not seen to")
	}
	h.crash() // the incident is over
	h.eventually("it cools down", func() bool { return h.verbs(v1alpha1.ActionScaleUp) == "hold change change" })
	h.after(6 * time.Minute)
	h.crash()
	h.eventually("scaling up is free again", func() bool {
		return !h.held() && h.cluster.Texts()["mutatingadmissionpolicies//bulkhead-scaleup"] == ""
	})
	if got, want := h.verbs(v1alpha1.ActionScaleUp), "hold change change end undo"; got != want {
		t.Errorf("the journal has %q, want %q", got, want)
	}
}

// Whoever comes after a crash knows what is to be taken back.
func TestNextProcessTakesBack(t *testing.T) {
	s, cluster := &shelf{brakes: map[string]v1alpha1.Brake{}}, newCluster(t)
	first := start(t, s, cluster)
	first.crash("crash-1")
	first.eventually("scaling up is held", first.held)
	first.stop()
	second := start(t, s, cluster)
	b, _ := first.scaleUp()
	b, _ = s.get(b.Name)
	b.Spec.Release = &v1alpha1.Release{By: "mira", At: metav1.NewTime(recordtest.Now)}
	second.eventually("the next process knows it", func() bool { _, ok := second.scaleUp(); return ok })
	s.changes.Put(&b)
	second.eventually("scaling up is free again", func() bool { return !second.held() })
}

// The deletion of a brake that holds is its release: it is taken back, and not held
// again for that incident.
func TestDeletionIsARelease(t *testing.T) {
	h := start(t, &shelf{brakes: map[string]v1alpha1.Brake{}}, newCluster(t))
	h.crash("crash-1")
	h.eventually("scaling up is held", h.held)
	b, _ := h.scaleUp()
	h.shelf.changes.Delete(b.Name)
	h.eventually("scaling up is free again", func() bool { return !h.held() })
	h.crash("crash-1")
	h.eventually("its end is told", func() bool { return strings.Contains(h.verbs(v1alpha1.ActionScaleUp), "end") })
	if h.held() {
		t.Error("it is held again")
	}
	h.crash("crash-2")
	h.eventually("another incident holds it", h.held)
}

// A brake that is deleted while nobody runs stays until its changes are taken back.
func TestDeletionWhileNobodyRuns(t *testing.T) {
	for name, mine := range map[string]bool{"the containment's": false, "a person's": true} {
		t.Run(name, func(t *testing.T) {
			s, cluster := &shelf{brakes: map[string]v1alpha1.Brake{}}, newCluster(t)
			before := cluster.Texts()
			first := start(t, s, cluster)
			first.eventually("it watches", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.changes.Put != nil })
			if mine {
				b := v1alpha1.Brake{ObjectMeta: metav1.ObjectMeta{Name: "mine", Finalizers: []string{"example.com/theirs"}}, Spec: v1alpha1.BrakeSpec{
					Action: v1alpha1.ActionScaleUp, Target: v1alpha1.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}, RequestedBy: "mira", Reason: "Freeze", Until: metav1.NewTime(recordtest.Now.Add(time.Hour))}}
				s.changes.Put(&b)
			} else {
				first.crash("crash-1")
			}
			first.eventually("scaling up is held", first.held)
			b, _ := first.scaleUp()
			first.eventually("the brake is guarded", func() bool {
				b, _ := s.get(b.Name)
				return slices.Contains(b.Finalizers, v1alpha1.FinalizerUndo) && len(b.Status.Undo) > 0
			})
			first.stop()
			s.changes = store.Changes[v1alpha1.Brake]{}
			s.remove(b.Name, recordtest.Now)
			second := start(t, s, cluster)
			second.eventually("scaling up is free again", func() bool {
				now := cluster.Texts()
				maps.DeleteFunc(now, func(k, _ string) bool { return strings.HasPrefix(k, "events/") })
				return maps.Equal(now, before)
			})
			second.eventually("the brake is gone", func() bool { _, ok := s.get(b.Name); return !ok })
		})
	}
}

// refusing is a cluster in which nothing can be changed back.
type refusing struct{ *clustertest.Cluster }

func (refusing) Patch(context.Context, schema.GroupVersionResource, string, string, []byte) error {
	return errors.New("denied by a webhook")
}

// What cannot be taken back is told, and does not keep the brake for ever.
func TestDeletionDoesNotWaitForEver(t *testing.T) {
	s, cluster := &shelf{brakes: map[string]v1alpha1.Brake{}}, newCluster(t)
	first := start(t, s, cluster)
	first.crash("crash-1")
	first.eventually("scaling up is held", first.held)
	b, _ := first.scaleUp()
	first.eventually("the brake is guarded", func() bool { b, _ := s.get(b.Name); return len(b.Finalizers) > 0 })
	first.stop()
	s.changes = store.Changes[v1alpha1.Brake]{}
	s.remove(b.Name, recordtest.Now)
	second := startOn(t, s, cluster, refusing{cluster})
	second.eventually("it fails", func() bool {
		b, ok := s.get(b.Name)
		return ok && apimeta.IsStatusConditionFalse(b.Status.Conditions, v1alpha1.ConditionUndone)
	})
	second.after(giveUp + time.Minute)
	second.signal()
	second.eventually("the brake is gone", func() bool { _, ok := s.get(b.Name); return !ok })
	told := false
	for k, text := range cluster.Texts() {
		told = told || strings.HasPrefix(k, "events/") && strings.Contains(text, "ScaleUpStays") && strings.Contains(text, "by hand")
	}
	if !told {
		t.Errorf("nobody is told: %v", cluster.Texts())
	}
}

func TestPersonsBrakeIsCarriedOut(t *testing.T) {
	h := start(t, &shelf{brakes: map[string]v1alpha1.Brake{}}, newCluster(t))
	h.eventually("it watches", func() bool { h.shelf.mu.Lock(); defer h.shelf.mu.Unlock(); return h.shelf.changes.Put != nil })
	mine := v1alpha1.Brake{ObjectMeta: metav1.ObjectMeta{Name: "mine"}, Spec: v1alpha1.BrakeSpec{
		Action: v1alpha1.ActionRollout, Target: v1alpha1.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}, RequestedBy: "mira", Reason: "Freeze", Until: metav1.NewTime(recordtest.Now.Add(time.Hour))}}
	before := h.cluster.Texts()
	h.shelf.changes.Put(&mine)
	h.eventually("the rollout is paused", func() bool { return strings.Contains(h.cluster.Texts()["deployments/shop/web"], `"paused":true`) })
	h.shelf.changes.Delete("mine")
	h.eventually("all is as before", func() bool { return maps.Equal(h.cluster.Texts(), before) && len(h.Brakes()) == 0 })
}

func TestQuietCostsNothing(t *testing.T) {
	h := start(t, &shelf{brakes: map[string]v1alpha1.Brake{}}, newCluster(t))
	h.Observe(nil, nil, recordtest.Now) // it would panic if it looked
	if len(h.Brakes()) != 0 {
		t.Errorf("%+v", h.Brakes())
	}
}
