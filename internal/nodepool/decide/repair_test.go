package decide

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

func TestSickNodesAreReplaced(t *testing.T) {
	node := func(w *world, i int) string { return w.nodes[i].Name }
	for name, c := range map[string]struct {
		sicken func(*world)
		change func(*v1alpha1.NodePoolSpec)
		gone   int    // nodes replaced after 40 minutes
		held   string // the reason of RepairHeld then
	}{
		"not ready":                              {func(w *world) { w.sicken(node(w, 0), corev1.NodeReady, corev1.ConditionUnknown) }, nil, 1, ""},
		"disk pressure":                          {func(w *world) { w.sicken(node(w, 0), corev1.NodeDiskPressure, corev1.ConditionTrue) }, nil, 1, ""},
		"a deadlock":                             {func(w *world) { w.sicken(node(w, 0), v1alpha1.NodeKernelDeadlock, corev1.ConditionTrue) }, nil, 1, ""},
		"a condition that nobody made a rule of": {func(w *world) { w.sicken(node(w, 0), "Odd", corev1.ConditionTrue) }, nil, 0, ""},
		"only advice": {func(w *world) { w.sicken(node(w, 0), corev1.NodeReady, corev1.ConditionUnknown) },
			func(s *v1alpha1.NodePoolSpec) { s.Repair.Mode = v1alpha1.ModeAdvise }, 0, "Mode"},
		"too many went bad together": {func(w *world) {
			for i := range 3 {
				w.sicken(node(w, i), corev1.NodeReady, corev1.ConditionUnknown)
			}
		}, nil, 0, "Correlation"},
		"too many are bad": {func(w *world) {
			for i := range 3 {
				w.sicken(node(w, i), corev1.NodeReady, corev1.ConditionUnknown)
			}
		}, func(s *v1alpha1.NodePoolSpec) {
			s.Repair.Correlation.Nodes = new(intstr.FromInt32(9))
			s.Repair.MaxUnhealthy = new(intstr.FromString("25%")) // of 10, rounded down: 2
		}, 0, "MaxUnhealthy"},
		"the API server is not well": {func(w *world) {
			w.sicken(node(w, 0), corev1.NodeReady, corev1.ConditionUnknown)
			w.trouble = "the API server does not answer"
		}, nil, 0, "Trouble"},
		"a Brake on the node": {func(w *world) {
			w.sicken(node(w, 0), corev1.NodeDiskPressure, corev1.ConditionTrue)
			w.brakes = append(w.brakes, brake(v1alpha1.ActionRepair, v1alpha1.ObjectRef{Kind: "Node", Name: node(w, 0)}, t0.Add(24*time.Hour)))
		}, nil, 0, "Brake"},
		"a Brake on another node": {func(w *world) {
			w.sicken(node(w, 0), corev1.NodeDiskPressure, corev1.ConditionTrue)
			w.brakes = append(w.brakes, brake(v1alpha1.ActionRepair, v1alpha1.ObjectRef{Kind: "Node", Name: node(w, 1)}, t0.Add(24*time.Hour)))
		}, nil, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := grown(t, 10)
			w.pool("a").Spec.Min = 10
			if c.change != nil {
				c.change(&w.pool("a").Spec)
			}
			c.sicken(w)
			w.pass(40*time.Minute, 20*time.Second)
			if w.removed != c.gone || len(w.nodes) != 10 || w.held("a", v1alpha1.ConditionRepairHeld) != c.held {
				t.Errorf("%d replaced, want %d; %d nodes; held %q, want %q; %+v", w.removed, c.gone, len(w.nodes), w.held("a", v1alpha1.ConditionRepairHeld), c.held, w.last.Nodes)
			}
		})
	}
}

// OpenShift BZ 1975296: machines that were being replaced counted as healthy, and so
// the share was never reached.
func TestRepairsUnderWayCountAsUnhealthy(t *testing.T) {
	w := grown(t, 10)
	w.pool("a").Spec.Min = 10
	w.pool("a").Spec.Repair = v1alpha1.RepairRules{Mode: v1alpha1.ModeAct, MaxUnhealthy: new(intstr.FromInt32(3)),
		Correlation: v1alpha1.Correlation{Nodes: new(intstr.FromInt32(100))},
		Limits:      v1alpha1.Limits{Rate: new(int32(100)), Parallel: new(intstr.FromInt32(100)), Budget: new(int32(100))}}
	w.startDelay = time.Hour // the new ones are slow
	for i := range 3 {
		w.sicken(w.nodes[i].Name, corev1.NodeReady, corev1.ConditionFalse)
	}
	w.pass(6*time.Minute, 20*time.Second)
	if w.removed != 3 {
		t.Fatalf("%d removed, want 3", w.removed)
	}
	for i := range 2 {
		w.sicken(w.nodes[i].Name, corev1.NodeReady, corev1.ConditionFalse)
	}
	w.pass(8*time.Minute, 20*time.Second)
	if w.removed != 3 || w.held("a", v1alpha1.ConditionRepairHeld) != "MaxUnhealthy" {
		t.Errorf("%d removed while three are being replaced; held %q; %+v", w.removed, w.held("a", v1alpha1.ConditionRepairHeld), w.pool("a").Status)
	}
}

func TestAtMostOneShareAtATime(t *testing.T) {
	w := grown(t, 10)
	w.pool("a").Spec.Min = 10
	w.pool("a").Spec.Repair.Correlation.Nodes = new(intstr.FromInt32(100))
	w.pool("a").Spec.Repair.Limits = v1alpha1.Limits{Rate: new(int32(100)), Budget: new(int32(100))}
	for i := range 4 {
		w.sicken(w.nodes[i].Name, corev1.NodeReady, corev1.ConditionFalse)
	}
	most := 0
	for range 60 {
		w.pass(20*time.Second, 20*time.Second)
		most = max(most, w.inState("Draining"))
	}
	if most > 1 || w.removed != 4 {
		t.Errorf("%d at once, %d in all", most, w.removed)
	}
}

func (w *world) inState(state string) int {
	n := 0
	for _, v := range w.last.Nodes {
		if v.State == state {
			n++
		}
	}
	return n
}

func TestAfterAStormThereIsAPause(t *testing.T) {
	w := grown(t, 10)
	w.pool("a").Spec.Min = 10
	for i := range 4 {
		w.sicken(w.nodes[i].Name, corev1.NodeReady, corev1.ConditionUnknown)
	}
	w.pass(10*time.Minute, 20*time.Second)
	since := metav1.Time{}
	for _, c := range w.pool("a").Status.Conditions {
		if c.Type == v1alpha1.ConditionRepairHeld {
			since = c.LastTransitionTime
		}
	}
	if since.IsZero() || w.now.Sub(since.Time) < 4*time.Minute {
		t.Errorf("held since %v, which is not when it began", since)
	}
	for i := range 3 { // the zone is back, but for one node
		w.sicken(w.nodes[i].Name, corev1.NodeReady, corev1.ConditionTrue)
	}
	w.pass(9*time.Minute, 20*time.Second)
	if w.removed != 0 || w.held("a", v1alpha1.ConditionRepairHeld) != "StormCooldown" {
		t.Errorf("%d removed, held %q", w.removed, w.held("a", v1alpha1.ConditionRepairHeld))
	}
	w.pass(5*time.Minute, 20*time.Second)
	if w.removed != 1 {
		t.Errorf("%d removed after the pause, want 1; %+v", w.removed, w.last.Nodes)
	}
}

// A node that goes from one bad condition to another was bad all the time.
func TestAnotherConditionDoesNotStartTheTimeAnew(t *testing.T) {
	w := grown(t, 10)
	w.pool("a").Spec.Min = 10
	name := w.nodes[0].Name
	w.sicken(name, corev1.NodeReady, corev1.ConditionUnknown)
	w.sicken(name, corev1.NodeDiskPressure, corev1.ConditionTrue)
	w.pass(4*time.Minute, 20*time.Second)
	w.sicken(name, corev1.NodeReady, corev1.ConditionFalse)
	w.pass(3*time.Minute, 20*time.Second)
	if w.removed != 1 {
		t.Errorf("%d removed; %+v", w.removed, w.last.Nodes)
	}
}

func TestANodeThatRecoversIsLetGo(t *testing.T) {
	w := grown(t, 10)
	w.pool("a").Spec.Min = 10
	name := w.nodes[0].Name
	w.on(name, "web", "1")
	w.brakes = []v1alpha1.Brake{brake(v1alpha1.ActionDisruption, v1alpha1.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}, t0.Add(24*time.Hour))}
	w.sicken(name, corev1.NodeDiskPressure, corev1.ConditionTrue)
	w.pass(12*time.Minute, 20*time.Second)
	if w.drained != 1 || w.held("a", v1alpha1.ConditionRepairHeld) != "Brake" {
		t.Fatalf("%d drained, held %q", w.drained, w.held("a", v1alpha1.ConditionRepairHeld))
	}
	w.sicken(name, corev1.NodeDiskPressure, corev1.ConditionFalse)
	w.pass(time.Minute, 20*time.Second)
	if w.removed != 0 || w.nodes[0].Spec.Unschedulable || w.pool("a").Status.Repairs[0].Ended == nil {
		t.Errorf("%d removed, node %+v, repairs %+v", w.removed, w.nodes[0].Spec, w.pool("a").Status.Repairs)
	}
}

// A Brake that comes while a node is being emptied for its repair stops that, too.
func TestARepairUnderWayIsStopped(t *testing.T) {
	w := grown(t, 10)
	w.pool("a").Spec.Min = 10
	name := w.nodes[0].Name
	w.on(name, "web", "1")
	w.brakes = []v1alpha1.Brake{brake(v1alpha1.ActionDisruption, v1alpha1.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}, t0.Add(24*time.Hour))}
	w.sicken(name, corev1.NodeDiskPressure, corev1.ConditionTrue)
	w.pass(12*time.Minute, 20*time.Second)
	if !w.nodes[0].Spec.Unschedulable {
		t.Fatalf("node %+v", w.nodes[0].Spec)
	}
	w.brakes = append(w.brakes, brake(v1alpha1.ActionRepair, v1alpha1.ObjectRef{Kind: "Node", Name: name}, t0.Add(24*time.Hour)))
	w.pass(20*time.Minute, 20*time.Second)
	if w.removed != 0 || w.drained != 1 || w.nodes[0].Spec.Unschedulable || w.pool("a").Status.Repairs[0].Outcome != v1alpha1.OutcomeFailed {
		t.Errorf("%d removed, %d drained, node %+v, repairs %+v", w.removed, w.drained, w.nodes[0].Spec, w.pool("a").Status.Repairs)
	}
}

// The same traffic makes the next node ill: each repair brings the next. The pause
// between them grows.
func TestRepairsThatDoNotLastBecomeSeldom(t *testing.T) {
	for name, c := range map[string]struct {
		change    func(*v1alpha1.RepairRules)
		min, most int
	}{
		"with back-off": {func(*v1alpha1.RepairRules) {}, 3, 16},
		"stock": {func(r *v1alpha1.RepairRules) {
			r.Backoff = v1alpha1.Backoff{First: &metav1.Duration{}, Max: &metav1.Duration{}}
			r.Limits = v1alpha1.Limits{Rate: new(int32(100)), Budget: new(int32(1000))}
		}, 60, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			w := grown(t, 10)
			w.pool("a").Spec.Min = 10
			c.change(&w.pool("a").Spec.Repair)
			for range 12 * 60 {
				sick := false
				for _, n := range w.nodes {
					if k := condition(n, corev1.NodeReady); k.Status != corev1.ConditionTrue {
						sick = true
					}
				}
				if newest := w.nodes[len(w.nodes)-1]; !sick && len(w.nodes) == 10 {
					w.sicken(newest.Name, corev1.NodeReady, corev1.ConditionFalse)
				}
				w.pass(time.Minute, time.Minute)
			}
			if w.removed < c.min || w.removed > c.most {
				t.Errorf("%d repairs in 12 hours, want %d to %d", w.removed, c.min, c.most)
			}
		})
	}
}

func TestANodeThatNeverBecomesReadyIsReplacedAndSaysSo(t *testing.T) {
	w := newWorld(t, testPool("a", 1, 5))
	w.decide()
	w.startDelay = 0
	w.start()
	for range 20 {
		for _, n := range w.nodes {
			if ready(n) {
				w.sicken(n.Name, corev1.NodeReady, corev1.ConditionFalse)
			}
		}
		w.now = w.now.Add(time.Minute)
		w.decide()
	}
	if w.drained != 1 {
		t.Errorf("%d drained: %+v", w.drained, w.last.Nodes)
	}
}

func TestShareRoundsDownButToOneAtLeast(t *testing.T) {
	for _, c := range []struct {
		v           string
		total, want int
	}{{"10%", 3, 1}, {"10%", 10, 1}, {"10%", 19, 1}, {"10%", 20, 2}, {"40%", 3, 1}, {"40%", 5, 2}, {"0", 10, 0}, {"3", 2, 3}} {
		v := intstr.Parse(c.v)
		if got := share(&v, c.total, 1); got != c.want {
			t.Errorf("%s of %d is %d, want %d", c.v, c.total, got, c.want)
		}
	}
	if b := (v1alpha1.Backoff{First: &metav1.Duration{Duration: time.Minute}, Max: &metav1.Duration{Duration: 10 * time.Minute}}); fmt.Sprint(after(b, 1), after(b, 3), after(b, 9)) != "1m0s 4m0s 10m0s" {
		t.Error(after(b, 1), after(b, 3), after(b, 9))
	}
	if !strings.Contains(string(Complete(v1alpha1.NodePoolSpec{}).Repair.Mode), "Advise") {
		t.Error("what could hurt acts by default")
	}
}

// The pods of a node that is drained for repair buy a node. It takes the drained one's
// place: the pool must not be larger in the end.
func TestARepairLeavesThePoolAsLargeAsItWas(t *testing.T) {
	w := grown(t, 10)
	w.pool("a").Spec.Min = 0
	w.pool("a").Spec.ScaleDown.Mode = v1alpha1.ModeAdvise
	for i := range 10 {
		w.on(fmt.Sprintf("a-%d", i), fmt.Sprintf("app%d", i), "3")
	}
	w.sicken("a-0", corev1.NodeDiskPressure, corev1.ConditionTrue)
	w.pass(30*time.Minute, 10*time.Second)
	if w.removed != 1 || len(w.nodes) != 10 || w.pending() != 0 {
		t.Errorf("%d removed, %d nodes, %d pods wait: %+v", w.removed, len(w.nodes), w.pending(), w.last.Nodes)
	}
}
