package contain

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// world is a small cluster in which web crashes, seen as often as a test wants.
type world struct {
	now       time.Time
	nodes     map[string]*Node
	web       *Workload
	others    []*Workload
	incidents []v1alpha1.Incident
	policies  []v1alpha1.ContainmentPolicy

	memory Memory
	brakes []v1alpha1.Brake
}

func newWorld(nodes int) *world {
	w := &world{now: start, nodes: map[string]*Node{}}
	for i := range nodes {
		w.nodes[fmt.Sprintf("n%03d", i)] = &Node{Name: fmt.Sprintf("n%03d", i)}
	}
	w.web = &Workload{Ref: v1alpha1.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}, Replicas: 3}
	in := v1alpha1.Incident{}
	in.Namespace, in.Name = "shop", "crash-1"
	in.Status.FirstCause = v1alpha1.Cause{Object: w.web.Ref, Reason: "CrashedBySignal", Message: "container app crashed", Confidence: 0.9, Since: stamp(start)}
	w.incidents = []v1alpha1.Incident{in}
	p := v1alpha1.ContainmentPolicy{}
	p.Name = "all"
	for _, a := range Actions {
		p.Spec.Brakes = append(p.Spec.Brakes, v1alpha1.BrakeRule{Action: a, Mode: v1alpha1.ModeAct})
	}
	w.policies = []v1alpha1.ContainmentPolicy{p}
	return w
}

// crashing adds a pod of web that has ended n times, each 10 s after the other.
func (w *world) crashing(name, node string, n int) *Pod {
	p := &Pod{Namespace: "shop", Name: name, Node: node, Since: w.now.Add(-5 * time.Minute), Stuck: "CrashLoopBackOff", Restarts: int32(n)}
	for i := range n {
		p.Ends = append(p.Ends, Exit{Time: w.now.Add(-time.Duration(i*10+5) * time.Second), Signature: "app on signal 6"})
	}
	w.web.Pods = append(w.web.Pods, p)
	return p
}

func (w *world) drop(p *Pod) {
	w.web.Pods = slices.DeleteFunc(w.web.Pods, func(q *Pod) bool { return q == p })
}

func (w *world) ill(node string) { w.nodes[node].Ill, w.nodes[node].IllSince = "DiskPressure", w.now }

// look decides, and takes over what was decided.
func (w *world) look() []Step {
	v := &View{Now: w.now, Workloads: map[v1alpha1.ObjectRef]*Workload{}, Nodes: w.nodes, OnNode: map[string][]*Pod{}}
	for _, o := range append([]*Workload{w.web}, w.others...) {
		v.Workloads[o.Ref] = o
		for _, p := range o.Pods {
			p.Owner = o
			v.OnNode[p.Node] = append(v.OnNode[p.Node], p)
		}
	}
	var steps []Step
	w.memory, steps = Decide(w.memory, Input{View: v, Incidents: w.incidents, Brakes: w.brakes, Policies: w.policies})
	for _, s := range steps {
		w.brakes = slices.DeleteFunc(w.brakes, func(b v1alpha1.Brake) bool { return b.Name == s.Brake.Name })
		if s.Verb != Forget {
			w.brakes = append(w.brakes, s.Brake)
		}
	}
	return steps
}

func (w *world) after(d time.Duration) *world {
	w.now = w.now.Add(d)
	return w
}

func (w *world) close() {
	w.incidents[0].Status.Closed = stamp(w.now)
}

func (w *world) holds(a v1alpha1.Action) *v1alpha1.Brake {
	for i := range w.brakes {
		if b := &w.brakes[i]; b.Spec.Action == a && b.Holds(w.now) {
			return b
		}
	}
	return nil
}

func find(steps []Step, verb Verb, a v1alpha1.Action) *Step {
	for i := range steps {
		if steps[i].Verb == verb && steps[i].Brake.Spec.Action == a {
			return &steps[i]
		}
	}
	return nil
}

// The same pod visits node after node, and each falls ill: what is gone is still
// known.
func TestPodVisitsNodeAfterNode(t *testing.T) {
	w := newWorld(10)
	for i, n := range []string{"n001", "n002", "n003"} {
		p := w.crashing(fmt.Sprintf("web-%d", i), n, 3)
		w.look()
		w.ill(n)
		w.drop(p)
		w.after(time.Minute)
	}
	w.crashing("web-last", "n004", 3)
	w.look()
	var repair []string
	for _, b := range w.brakes {
		if b.Spec.Action == v1alpha1.ActionRepair && b.Holds(w.now) {
			repair = append(repair, b.Spec.Target.Name)
		}
	}
	slices.Sort(repair)
	// 3 of 10 are more than the 20 % that one workload may make ill: all repair waits.
	if want := []string{"", "n001", "n002"}; !slices.Equal(repair, want) {
		t.Errorf("repair is held for %q, want %q", repair, want)
	}
}

func TestNodesThatFallIllElsewhereAreNoEvidence(t *testing.T) {
	w := newWorld(10)
	w.crashing("web-0", "n001", 3)
	for _, n := range []string{"n001", "n005"} {
		w.ill(n)
	}
	if s := find(w.look(), Hold, v1alpha1.ActionRepair); s != nil {
		t.Errorf("as many nodes fall ill that it never came to, and %s", s.Message)
	}
	w = newWorld(10)
	w.ill("n001")
	w.after(time.Minute).crashing("web-0", "n001", 3)
	if s := find(w.look(), Hold, v1alpha1.ActionRepair); s != nil {
		t.Errorf("the node was ill before, and %s", s.Message)
	}
}

func TestLimits(t *testing.T) {
	two, one := int32(2), int32(1)
	for _, c := range []struct {
		limits v1alpha1.ContainmentLimits
		says   string
	}{
		{v1alpha1.ContainmentLimits{PerMinute: &two}, "2 began within a minute"},
		{v1alpha1.ContainmentLimits{AtOnce: &one}, "1 hold already"},
	} {
		w := newWorld(5)
		w.policies[0].Spec.Limits = &c.limits
		w.crashing("web-0", "n001", 3)
		w.crashing("web-1", "n002", 3)
		act, advised := 0, 0
		for _, s := range w.look() {
			if s.Brake.Spec.Mode == v1alpha1.ModeAct {
				act++
			} else if strings.Contains(s.Message, c.says) {
				advised++
			}
		}
		if most := max(or(c.limits.PerMinute, 0), or(c.limits.AtOnce, 0)); act != int(most) || advised == 0 {
			t.Errorf("%s: %d act, %d are advised", c.says, act, advised)
		}
	}
}

func TestRateLimitPasses(t *testing.T) {
	one := int32(1)
	w := newWorld(5)
	w.policies[0].Spec.Limits = &v1alpha1.ContainmentLimits{PerMinute: &one}
	w.crashing("web-0", "n001", 3)
	w.look()
	if find(w.after(61*time.Second).look(), Change, v1alpha1.ActionSpread) == nil || w.holds(v1alpha1.ActionSpread) == nil {
		t.Error("the next does not begin a minute later")
	}
}

func TestHoldIsProlongedUpToTheTotal(t *testing.T) {
	w := newWorld(5)
	w.policies[0].Spec.Limits = &v1alpha1.ContainmentLimits{Total: &metav1.Duration{Duration: time.Hour}}
	w.crashing("web-0", "n001", 3)
	w.look()
	for range 11 {
		w.after(5 * time.Minute)
		w.web.Pods = nil
		w.crashing("web-0", "n001", 3)
		w.look()
		if w.holds(v1alpha1.ActionScaleUp) == nil {
			t.Fatalf("it holds no more after %s", w.now.Sub(start))
		}
	}
	w.after(6 * time.Minute)
	w.web.Pods = nil
	w.crashing("web-0", "n001", 3)
	s := find(w.look(), End, v1alpha1.ActionScaleUp)
	if s == nil || s.Reason != ReasonTotalReached {
		t.Errorf("after %s: %+v", w.now.Sub(start), s)
	}
	if find(w.after(time.Minute).look(), Hold, v1alpha1.ActionScaleUp) != nil {
		t.Error("it is held anew for the same incident")
	}
}

func TestCoolDown(t *testing.T) {
	w := newWorld(5)
	w.crashing("web-0", "n001", 3)
	w.look()
	w.after(time.Minute).close()
	w.look()
	if w.after(4*time.Minute).holds(v1alpha1.ActionScaleUp) == nil {
		t.Error("it ends with the incident, before it has cooled down")
	}
	s := find(w.after(2*time.Minute).look(), End, v1alpha1.ActionScaleUp)
	if s == nil || s.Reason != ReasonOver {
		t.Errorf("it is not over: %+v", s)
	}
	if w.look(); len(w.brakes) == 0 {
		t.Error("it is forgotten at once")
	}
	if w.after(2 * time.Hour).look(); len(w.brakes) != 0 {
		t.Errorf("%d brakes are never forgotten", len(w.brakes))
	}
}

func TestReleasedStaysReleased(t *testing.T) {
	w := newWorld(5)
	w.crashing("web-0", "n001", 3)
	w.look()
	b := w.holds(v1alpha1.ActionScaleUp)
	b.Spec.Release = &v1alpha1.Release{By: "mira", At: *stamp(w.now)}
	s := find(w.look(), End, v1alpha1.ActionScaleUp)
	if s == nil || s.Reason != ReasonReleased || !strings.Contains(s.Message, "mira") {
		t.Fatalf("it was not released: %+v", s)
	}
	w.after(2 * time.Minute)
	w.crashing("web-9", "n003", 3)
	if w.look(); w.holds(v1alpha1.ActionScaleUp) != nil {
		t.Error("it is held again for the same incident")
	}
	w.incidents[0].Name = "crash-2"
	if w.look(); w.holds(v1alpha1.ActionScaleUp) == nil {
		t.Error("another incident holds nothing")
	}
}

func TestPersonsBrakesAreLeftAlone(t *testing.T) {
	w := newWorld(5)
	mine := v1alpha1.Brake{Spec: v1alpha1.BrakeSpec{Action: v1alpha1.ActionRepair, RequestedBy: "mira", Reason: "Maintenance", Until: *stamp(start.Add(-time.Hour))}}
	mine.Name = "mine"
	w.brakes = []v1alpha1.Brake{mine}
	if steps := w.look(); len(steps) != 0 {
		t.Errorf("%+v", steps)
	}
}

func TestRestartProbe(t *testing.T) {
	w := newWorld(5)
	for i := range 3 {
		w.crashing(fmt.Sprintf("web-%d", i), fmt.Sprintf("n00%d", i), 2)
	}
	if find(w.look(), Hold, v1alpha1.ActionRestart) == nil {
		t.Fatal("all end alike, none is ready, and all are started again")
	}
	probe := w.web.Pods[0] // what it does to the Deployment
	w.web.Pods, w.web.Replicas = w.web.Pods[:1], 1
	if w.after(time.Minute).look(); w.holds(v1alpha1.ActionRestart) == nil {
		t.Fatal("it ends although the probe still fails")
	}
	probe.Ready, probe.Stuck = true, ""
	if w.after(30 * time.Second).look(); w.holds(v1alpha1.ActionRestart) == nil {
		t.Fatal("it ends although the probe has been ready for a moment only")
	}
	s := find(w.after(2*time.Minute).look(), End, v1alpha1.ActionRestart)
	if s == nil || s.Reason != ReasonCauseGone {
		t.Errorf("the probe is well, and %+v", s)
	}
}

func TestRestartEndsWithANewRevision(t *testing.T) {
	w := newWorld(5)
	w.web.Revision, w.web.RevisionSince = "old", start.Add(-3*time.Hour)
	for i := range 3 {
		w.crashing(fmt.Sprintf("web-%d", i), "n001", 2)
	}
	w.look()
	w.after(time.Minute)
	w.web.Revision, w.web.RevisionSince = "new", w.now
	w.crashing("web-9", "n001", 3)
	if s := find(w.after(time.Second).look(), End, v1alpha1.ActionRestart); s == nil || s.Reason != ReasonCauseGone {
		t.Errorf("a new revision came, and %+v", s)
	}
}

func TestRestartsGoOnWhileOneIsReady(t *testing.T) {
	w := newWorld(5)
	w.web.Pods = []*Pod{{Name: "good", Node: "n004", Ready: true, Since: start.Add(-time.Hour)}}
	for i := range 3 {
		w.crashing(fmt.Sprintf("web-%d", i), "n001", 3)
	}
	if s := find(w.look(), Hold, v1alpha1.ActionRestart); s != nil {
		t.Error(s.Message)
	}
}

func TestRollout(t *testing.T) {
	for _, c := range []struct {
		name              string
		age               time.Duration // of the new revision
		oldReady, oldFail int
		rollback, want    bool
	}{
		{"the new fails, the old is ready", time.Minute, 2, 0, false, true},
		{"and it may be taken back", time.Minute, 2, 0, true, true},
		{"both fail", time.Minute, 2, 1, false, false},
		{"it came long ago", 2 * time.Hour, 2, 0, false, false},
		{"there are no old pods", time.Minute, 0, 0, false, false},
	} {
		w := newWorld(5)
		w.policies[0].Spec.Rollback = c.rollback
		w.web.Revision, w.web.RevisionSince = "new", start.Add(-c.age)
		for i := range c.oldReady {
			w.web.Pods = append(w.web.Pods, &Pod{Name: fmt.Sprintf("old-%d", i), Node: "n002", Revision: "old", Ready: true, Since: start.Add(-time.Hour)})
		}
		for range c.oldFail {
			w.web.Pods[0].Ends = []Exit{{Time: start.Add(-10 * time.Second)}}
		}
		w.crashing("new-0", "n001", 3).Revision = "new"
		s := find(w.look(), Hold, v1alpha1.ActionRollout)
		if (s != nil) != c.want {
			t.Errorf("%s: %+v", c.name, s)
		}
		if s != nil && s.Brake.Spec.Rollback != c.rollback {
			t.Errorf("%s: rollback is %v", c.name, s.Brake.Spec.Rollback)
		}
	}
}

// Between two crashes a container runs: that is no end of the failure.
func TestLullIsNoEnd(t *testing.T) {
	w := newWorld(5)
	p := w.crashing("web-0", "n001", 3)
	w.look()
	ends := p.Ends
	p.Ready, p.Stuck, p.Ends = true, "", nil
	if steps := w.after(30 * time.Second).look(); len(steps) != 0 {
		t.Errorf("%+v", steps)
	}
	p.Ends = ends
	p.Ready, p.Stuck = false, "CrashLoopBackOff"
	w.after(20 * time.Second).look()
	p.Ready, p.Stuck, p.Ends = true, "", nil
	if s := find(w.after(2*time.Minute).look(), Change, v1alpha1.ActionScaleUp); s == nil || s.Brake.Spec.Until.Sub(w.now) > defaultCoolDown {
		t.Errorf("nothing fails any more, and %+v", s)
	}
	if steps := w.after(5 * time.Second).look(); len(steps) != 0 {
		t.Errorf("it is told twice: %+v", steps)
	}
}

// A brake that makes it worse is taken back, and not tried again.
func TestHarmEndsABrake(t *testing.T) {
	w := newWorld(8)
	w.web.Revision, w.web.RevisionSince = "new", start.Add(-time.Minute)
	for i := range 6 {
		w.web.Pods = append(w.web.Pods, &Pod{Name: fmt.Sprintf("old-%d", i), Node: "n002", Revision: "old", Ready: true, Since: start.Add(-time.Hour)})
	}
	w.crashing("new-0", "n001", 3).Revision = "new"
	w.look()
	for _, p := range w.web.Pods[:5] {
		p.Ready = false
	}
	if w.after(time.Minute).look(); w.holds(v1alpha1.ActionRollout) == nil {
		t.Fatal("it is judged before it could do anything")
	}
	s := find(w.after(2*time.Minute).look(), End, v1alpha1.ActionRollout)
	if s == nil || s.Reason != ReasonMadeWorse || !strings.Contains(s.Message, "1 of its pods are ready; before, 6 were") {
		t.Fatalf("fewer are ready, and %+v", s)
	}
	if w.after(time.Minute).look(); w.holds(v1alpha1.ActionRollout) != nil {
		t.Error("it is tried again")
	}
}

func TestGrowthOfTheFailureItselfIsNoHarm(t *testing.T) {
	w := newWorld(20)
	w.crashing("web-0", "n001", 3)
	w.look()
	w.after(3 * time.Minute)
	for i := range 6 {
		n := fmt.Sprintf("n%03d", i+1)
		w.crashing(fmt.Sprintf("web-%d", i+1), n, 3)
		w.ill(n)
	}
	w.look()
	for _, a := range []v1alpha1.Action{v1alpha1.ActionScaleUp, v1alpha1.ActionSpread, v1alpha1.ActionRepair, v1alpha1.ActionDiskUse} {
		if w.holds(a) == nil {
			t.Errorf("%s is given up since the failure grows", a)
		}
	}
}

// Neighbours that suffer in the compartment are moved off, if the policy allows it:
// one at a time, and nobody while most nodes are ill.
func TestNeighboursAreMovedOff(t *testing.T) {
	for _, c := range []struct {
		name    string
		allow   bool
		alsoIll int
		moved   int
	}{
		{"allowed", true, 0, 1},
		{"not allowed", false, 0, 0},
		{"there is nowhere to go", true, 4, 0},
	} {
		w := newWorld(8)
		w.policies[0].Spec.MoveNeighbours = c.allow
		w.crashing("web-0", "n001", 3)
		good := &Workload{Ref: v1alpha1.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "good"}, Replicas: 3}
		agent := &Workload{Ref: v1alpha1.ObjectRef{Kind: "DaemonSet", Namespace: "shop", Name: "agent"}}
		for i := range 3 {
			good.Pods = append(good.Pods, &Pod{Namespace: "shop", Name: fmt.Sprintf("good-%d", i), Node: "n001", Since: start.Add(-time.Hour), Ready: i == 2})
		}
		agent.Pods = []*Pod{{Namespace: "shop", Name: "agent-0", Node: "n001", Since: start.Add(-time.Hour)}}
		w.others = []*Workload{agent, good}
		w.look()
		w.ill("n001")
		w.incidents[0].Status.BlastRadius.Workloads = []string{"shop/good"} // it suffers, after all
		for i := range c.alsoIll {
			w.ill(fmt.Sprintf("n%03d", 3+i))
		}
		var moved []string
		for range 2 {
			for _, s := range w.after(2 * time.Second).look() {
				if s.Verb == Move {
					moved = append(moved, s.Pod.Name)
				}
			}
		}
		if len(moved) != c.moved || c.moved == 1 && moved[0] != "good-0" {
			t.Errorf("%s: moved off are %v", c.name, moved)
		}
		good.Pods = slices.DeleteFunc(good.Pods, func(p *Pod) bool { return c.moved == 1 && p.Name == "good-0" })
		if s := find(w.after(moveEvery).look(), Move, v1alpha1.ActionSpread); c.moved == 1 && (s == nil || s.Pod.Name != "good-1") {
			t.Errorf("%s: the next is %+v", c.name, s)
		}
	}
}

func TestCompartments(t *testing.T) {
	w := newWorld(10)
	w.incidents = nil
	w.policies[0].Spec.Compartments = &v1alpha1.Compartments{Nodes: intstr.FromString("25%")} // rounded up: 3
	steps := w.look()
	if len(steps) != 1 || steps[0].Brake.Spec.Reason != ReasonCompartment || len(steps[0].Brake.Spec.Nodes) != 3 {
		t.Fatalf("%+v", steps)
	}
	if again := w.after(time.Minute).look(); len(again) != 0 {
		t.Errorf("nothing changed, and %+v", again)
	}
	delete(w.nodes, steps[0].Brake.Spec.Nodes[0])
	moved := find(w.look(), Change, v1alpha1.ActionSpread)
	if moved == nil {
		t.Fatal("its node is gone, and its compartment stays")
	}
	kept := 0
	for _, n := range moved.Brake.Spec.Nodes {
		if slices.Contains(steps[0].Brake.Spec.Nodes, n) {
			kept++
		}
	}
	if kept != 2 {
		t.Errorf("%v became %v", steps[0].Brake.Spec.Nodes, moved.Brake.Spec.Nodes)
	}
	w.policies = nil
	if s := find(w.look(), Change, v1alpha1.ActionSpread); s == nil || w.after(time.Second).holds(v1alpha1.ActionSpread) != nil {
		t.Error("no policy gives it a compartment, and it has one")
	}
}

func TestShardsDiffer(t *testing.T) {
	var nodes []string
	for i := range 40 {
		nodes = append(nodes, fmt.Sprintf("n%02d", i))
	}
	seen, use := map[string]int{}, map[string]int{}
	for i := range 200 {
		s := shardOf(v1alpha1.ObjectRef{Kind: "Deployment", Namespace: "a", Name: fmt.Sprint(i)}, hashes(nodes), 4)
		seen[strings.Join(s, " ")]++
		for _, n := range s {
			use[n]++
		}
	}
	if len(seen) < 195 {
		t.Errorf("of 200 owners, %d share all of their nodes", 200-len(seen))
	}
	for _, n := range nodes {
		if use[n] < 8 || use[n] > 36 {
			t.Errorf("node %s has %d owners of 20 that are to be expected", n, use[n])
		}
	}
}

func TestCheck(t *testing.T) {
	bad := intstr.FromString("a fifth")
	for says, spec := range map[string]v1alpha1.ContainmentPolicySpec{
		"is no share":         {NodeShare: &bad},
		"no action is called": {Brakes: []v1alpha1.BrakeRule{{Action: "Everything"}}},
		"spec.namespaces":     {Namespaces: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}}},
	} {
		if err := Check(&v1alpha1.ContainmentPolicy{Spec: spec}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

func TestMostImportantPolicyApplies(t *testing.T) {
	w := newWorld(5)
	observe := v1alpha1.ContainmentPolicy{}
	observe.Name = "observe"
	observe.Spec.Priority = 10
	observe.Spec.Namespaces = &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": "shop"}}
	for _, a := range Actions {
		observe.Spec.Brakes = append(observe.Spec.Brakes, v1alpha1.BrakeRule{Action: a, Mode: v1alpha1.ModeObserve})
	}
	w.policies = append(w.policies, observe)
	w.web.NamespaceLabels = map[string]string{"kubernetes.io/metadata.name": "shop"}
	w.crashing("web-0", "n001", 3)
	for _, s := range w.look() {
		if s.Brake.Spec.Mode != v1alpha1.ModeObserve || s.Brake.Spec.Policy != "observe" {
			t.Errorf("%s by %q", s.Brake.Spec.Mode, s.Brake.Spec.Policy)
		}
	}
}

// A decision for 1,000 nodes and 10,000 pods.
func BenchmarkDecide(b *testing.B) {
	w := newWorld(1000)
	for i := range 1000 {
		o := &Workload{Ref: v1alpha1.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: fmt.Sprintf("app-%d", i)}, Replicas: 10}
		for k := range 10 {
			o.Pods = append(o.Pods, &Pod{Namespace: "shop", Name: fmt.Sprintf("app-%d-%d", i, k), Node: fmt.Sprintf("n%03d", (i*7+k*131)%1000), Ready: true, Since: start.Add(-time.Hour)})
		}
		w.others = append(w.others, o)
	}
	for i := range 100 {
		w.crashing(fmt.Sprintf("web-%d", i), fmt.Sprintf("n%03d", i), 5)
	}
	for i := range 20 {
		w.ill(fmt.Sprintf("n%03d", i))
	}
	w.policies[0].Spec.Compartments = &v1alpha1.Compartments{Nodes: intstr.FromInt32(8)}
	w.look()
	for b.Loop() {
		w.look()
	}
}
