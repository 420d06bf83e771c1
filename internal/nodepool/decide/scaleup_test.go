package decide

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

func TestPodsThatFindNoRoomGetNodes(t *testing.T) {
	gpu := func(s *v1alpha1.NodePoolSpec) {
		s.Machine.Resources["nvidia.com/gpu"] = resource.MustParse("2")
		s.Taints = []corev1.Taint{{Key: "gpu", Effect: corev1.TaintEffectNoSchedule}}
	}
	wantsGPU := func(p *corev1.Pod) {
		p.Spec.Containers[0].Resources.Requests["nvidia.com/gpu"] = resource.MustParse("1")
		p.Spec.Containers[0].Resources.Limits = corev1.ResourceList{"nvidia.com/gpu": resource.MustParse("1")}
		p.Spec.Tolerations = []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}}
	}
	big := func(s *v1alpha1.NodePoolSpec) { s.Machine.Resources = resources("32", "64Gi", "100") }
	expander := func(e v1alpha1.Expander) func(*v1alpha1.NodePoolSpec) {
		return func(s *v1alpha1.NodePoolSpec) { s.ScaleUp.Expander = e }
	}
	for name, c := range map[string]struct {
		pools []Pool
		pods  func(*world)
		want  map[string]int // nodes bought, by pool
		left  string         // the verdict on a pod that gets none
	}{
		"as many as they fill": {[]Pool{testPool("a", 0, 50)}, func(w *world) { w.deployment("web", 9, "1", "1Gi") }, map[string]int{"a": 3}, ""},
		"no more than max":     {[]Pool{testPool("a", 0, 2)}, func(w *world) { w.deployment("web", 40, "1", "1Gi") }, map[string]int{"a": 1}, HeldBack}, // half of max at once
		"one that never fits":  {[]Pool{testPool("a", 0, 50)}, func(w *world) { w.deployment("web", 1, "5", "1Gi") }, map[string]int{}, NoPoolFits},
		"the pool with devices": {[]Pool{testPool("a", 0, 50), testPool("g", 0, 50, gpu)}, func(w *world) { w.deployment("ml", 3, "1", "1Gi", wantsGPU) },
			map[string]int{"g": 2}, ""},
		"the least waste": {[]Pool{testPool("a", 0, 50), testPool("b", 0, 50, big)}, func(w *world) { w.deployment("web", 4, "1", "2Gi") }, map[string]int{"a": 1}, ""},
		"the most pods": {[]Pool{testPool("a", 0, 2, expander(v1alpha1.ExpanderMostPods)), testPool("b", 0, 50, big)},
			func(w *world) { w.deployment("web", 20, "1", "1Gi") }, map[string]int{"b": 1}, ""},
		"the highest priority": {[]Pool{testPool("a", 0, 50), testPool("b", 0, 50, big, func(s *v1alpha1.NodePoolSpec) { s.Priority = 10 })},
			func(w *world) { w.deployment("web", 4, "1", "2Gi") }, map[string]int{"b": 1}, ""},
		"another pool once one is full": {[]Pool{testPool("a", 0, 4, func(s *v1alpha1.NodePoolSpec) { s.Priority = 1 }), testPool("b", 0, 50)},
			func(w *world) { w.deployment("web", 16, "1", "1Gi") }, map[string]int{"a": 2, "b": 2}, ""},
		// One zone lets in no further pod before the others have theirs.
		"evenly over zones": {zones(), func(w *world) { w.deployment("web", 12, "1", "1Gi", evenly) }, map[string]int{"a": 1, "b": 1, "c": 1}, ""},
		"evenly over zones, within the owner's budget": {zones(func(s *v1alpha1.NodePoolSpec) { s.ScaleUp.OwnerBudget = new(int32(2)) }),
			func(w *world) { w.deployment("web", 12, "1", "1Gi", evenly) }, map[string]int{"a": 1, "b": 1}, HeldBack},
		"a fixed size": {[]Pool{testPool("a", 0, 9, func(s *v1alpha1.NodePoolSpec) { s.Nodes = new(int32(2)) })},
			func(w *world) { w.deployment("web", 40, "1", "1Gi") }, map[string]int{"a": 2}, HeldBack},
		"the min": {[]Pool{testPool("a", 3, 9)}, func(*world) {}, map[string]int{"a": 3}, ""},
		"only advice": {[]Pool{testPool("a", 0, 9, func(s *v1alpha1.NodePoolSpec) { s.ScaleUp.Mode = v1alpha1.ModeAdvise })},
			func(w *world) { w.deployment("web", 4, "1", "1Gi") }, map[string]int{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.pools...)
			c.pods(w)
			d := Decide(w.state())
			got := map[string]int{}
			for _, b := range d.Buy {
				got[b.Pool] += len(b.Names)
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("bought %v, want %v; verdicts %+v", got, c.want, d.Pods)
			}
			left := slices.ContainsFunc(d.Pods, func(v PodVerdict) bool { return v.Verdict == c.left })
			if c.left != "" && !left {
				t.Errorf("no pod is %s: %+v", c.left, d.Pods)
			}
			if again := Decide(w.state()); fmt.Sprint(again.Buy) != fmt.Sprint(d.Buy) {
				t.Errorf("the same state gave %v, then %v", d.Buy, again.Buy)
			}
		})
	}
}

// zones are three pools, each of a zone of its own.
func zones(change ...func(*v1alpha1.NodePoolSpec)) []Pool {
	var list []Pool
	for _, name := range []string{"a", "b", "c"} {
		list = append(list, testPool(name, 0, 50, append(change, func(s *v1alpha1.NodePoolSpec) {
			s.Labels = map[string]string{corev1.LabelTopologyZone: "zone-" + name}
		})...))
	}
	return list
}

// evenly lets no zone have more than one pod more than another.
func evenly(p *corev1.Pod) {
	p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{MaxSkew: 1, MinDomains: new(int32(3)), TopologyKey: corev1.LabelTopologyZone,
		WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: &metav1.LabelSelector{MatchLabels: p.Labels}}}
}

func TestWhatIsOnItsWayIsNotBoughtAgain(t *testing.T) {
	w := newWorld(t, testPool("a", 0, 50))
	w.startDelay = 5 * time.Minute
	w.deployment("web", 9, "1", "1Gi")
	w.pass(4*time.Minute, 10*time.Second)
	if w.bought != 3 {
		t.Errorf("bought %d while three were on their way", w.bought)
	}
	if v := w.last.Pods; len(v) != 9 || v[0].Verdict != NodeComes {
		t.Errorf("verdicts %+v", v)
	}
	w.pass(3*time.Minute, 10*time.Second)
	if w.pending() != 0 || w.bought != 3 {
		t.Errorf("%d pods wait, %d bought", w.pending(), w.bought)
	}
}

// The story of Karpenter for AWS #1905: a pod asks for what the machine has on paper,
// the node that comes gives a little less, and nothing remembers the last one. 235
// nodes were bought in 12 hours.
func TestAPodThatNeverFitsBuysOnce(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*v1alpha1.NodePoolSpec)
	}{
		"with memory":              {func(*v1alpha1.NodePoolSpec) {}},
		"stock, what came teaches": {stock},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, testPool("a", 0, 300, c.change))
			w.lacks = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("500Mi")}
			w.deployment("big", 1, "1", "8Gi")
			w.pass(12*time.Hour, 30*time.Second)
			if w.bought != 1 {
				t.Errorf("bought %d in 12 hours", w.bought)
			}
			if v := w.last.Pods; len(v) != 1 || v[0].Verdict != NoPoolFits || !strings.Contains(v[0].Why[0], "Insufficient memory") {
				t.Errorf("verdict %+v", v)
			}
		})
	}
}

// stock are the rules of upstream's autoscaler: no memory, no brakes.
func stock(s *v1alpha1.NodePoolSpec) {
	s.Brakes = v1alpha1.BrakesIgnore
	s.ScaleUp.AfterHelp = new(false)
	s.ScaleUp.Backoff = v1alpha1.Backoff{First: &metav1.Duration{}, Max: &metav1.Duration{}}
	s.ScaleUp.OwnerBudget = new(int32(1 << 20))
	s.ScaleUp.Limits.Budget = new(int32(1 << 20))
}

// A taint that appears once a node has joined cannot be foretold. Only the memory of
// attempts helps, with a pause that grows.
func TestNodesThatDoNotHelpAreBoughtMoreAndMoreSeldom(t *testing.T) {
	for name, c := range map[string]struct {
		change    func(*v1alpha1.NodePoolSpec)
		most, min int
	}{
		"with memory": {func(*v1alpha1.NodePoolSpec) {}, 7, 4}, // 5, 10, 20, 30, 30, … minutes
		"stock":       {stock, 1 << 20, 40},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, testPool("a", 0, 1000, c.change))
			w.deployment("web", 1, "1", "1Gi")
			for end := w.now.Add(2 * time.Hour); w.now.Before(end); {
				for _, n := range w.nodes {
					w.change(n.Name, func(n *corev1.Node) {
						n.Spec.Taints = []corev1.Taint{{Key: "late", Effect: corev1.TaintEffectNoSchedule}}
					})
				}
				w.now = w.now.Add(time.Minute)
				w.start()
				for _, n := range w.nodes {
					w.change(n.Name, func(n *corev1.Node) {
						n.Spec.Taints = []corev1.Taint{{Key: "late", Effect: corev1.TaintEffectNoSchedule}}
					})
				}
				w.schedule()
				w.decide()
			}
			if w.bought > c.most || w.bought < c.min {
				t.Errorf("bought %d in 2 hours, want %d to %d", w.bought, c.min, c.most)
			}
		})
	}
}

// Replicas that crash are scheduled and buy nothing by themselves. It is their growth
// that buys; it must wait until one has become Ready on what was bought.
func TestAnOwnerThatOnlyCrashesGetsNoSecondNode(t *testing.T) {
	w := newWorld(t, testPool("a", 1, 100))
	w.pass(5*time.Minute, 10*time.Second)
	w.crash = func(*corev1.Pod) bool { return true }
	w.deployment("web", 4, "1", "1Gi")
	for i := range 20 { // an autoscaler of replicas doubles and doubles
		w.deployment("web", 4, "1", "1Gi", func(p *corev1.Pod) { p.Name += fmt.Sprint("-", i) })
		w.pass(30*time.Second, 10*time.Second)
	}
	if w.bought > 4 {
		t.Errorf("bought %d for pods that crash", w.bought)
	}
	if r := w.held("a", v1alpha1.ConditionScaleUpHeld); r != "LastNotProven" && r != "LastDidNotHelp" {
		t.Errorf("held for %q", r)
	}
}

func TestGrowthOfAHealthyOwnerIsNotHeld(t *testing.T) {
	w := newWorld(t, testPool("a", 1, 100))
	w.pass(5*time.Minute, 10*time.Second)
	w.deployment("web", 4, "1", "1Gi")
	w.pass(time.Minute, 10*time.Second)
	for i := range 12 {
		w.deployment("web", 8, "1", "1Gi", func(p *corev1.Pod) { p.Name += fmt.Sprint("-", i) })
		w.pass(time.Minute, 10*time.Second)
		if r := w.held("a", v1alpha1.ConditionScaleUpHeld); r != "" {
			t.Fatalf("after %d steps it is held: %s, %+v", i, r, w.last.Pods)
		}
	}
	w.pass(time.Minute, 10*time.Second)
	if w.pending() != 0 {
		t.Errorf("%d pods wait", w.pending())
	}
}

// cluster-autoscaler #547: machines that never came for want of quota counted as
// unready nodes and stopped everything.
func TestAQuotaThatIsHitHoldsOnlyItsPool(t *testing.T) {
	w := newWorld(t, testPool("a", 0, 50, func(s *v1alpha1.NodePoolSpec) { s.Priority = 1 }), testPool("b", 0, 50))
	w.deployment("web", 16, "1", "1Gi")
	w.quota = 2
	w.pass(5*time.Minute, 10*time.Second)
	if w.pending() != 0 {
		t.Errorf("%d pods wait; the other pool has room: %+v", w.pending(), w.last.Pods)
	}
	a := w.pool("a")
	if a.Status.NotBefore == nil || a.Status.Unhealthy != 0 || a.Status.StormUntil != nil {
		t.Errorf("pool a: %+v", a.Status)
	}
}

func TestMachinesThatNeverComeAreGivenUp(t *testing.T) {
	w := newWorld(t, testPool("a", 0, 50))
	w.never = true
	w.deployment("web", 8, "1", "1Gi")
	w.pass(6*time.Hour, time.Minute)
	if w.bought > 26 {
		t.Errorf("bought %d that never came", w.bought)
	}
	if n := len(w.pool("a").Machines); n > 2 {
		t.Errorf("%d machines that never came are still there", n)
	}
	if a := w.pool("a").Status.Attempts; len(a) != 1 || a[0].Failures < 3 {
		t.Errorf("attempts %+v", a)
	}
}

func TestBrakesHoldScaleUp(t *testing.T) {
	owner := v1alpha1.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}
	for name, c := range map[string]struct {
		brake v1alpha1.Brake
		spec  func(*v1alpha1.NodePoolSpec)
		buys  bool
		held  int
	}{
		"on the owner":     {brake(v1alpha1.ActionScaleUp, owner, t0.Add(time.Hour)), nil, false, 1},
		"on its namespace": {brake(v1alpha1.ActionScaleUp, v1alpha1.ObjectRef{Kind: "Namespace", Name: "shop"}, t0.Add(time.Hour)), nil, false, 1},
		"on the pool":      {brake(v1alpha1.ActionScaleUp, v1alpha1.ObjectRef{Kind: "NodePool", Name: "a"}, t0.Add(time.Hour)), nil, false, 1},
		"on everything":    {brake(v1alpha1.ActionScaleUp, v1alpha1.ObjectRef{}, t0.Add(time.Hour)), nil, false, 1},
		"on another":       {brake(v1alpha1.ActionScaleUp, v1alpha1.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "db"}, t0.Add(time.Hour)), nil, true, 0},
		"over":             {brake(v1alpha1.ActionScaleUp, owner, t0), nil, true, 0},
		"another action":   {brake(v1alpha1.ActionRepair, owner, t0.Add(time.Hour)), nil, true, 0},
		"ignored":          {brake(v1alpha1.ActionScaleUp, owner, t0.Add(time.Hour)), stock, true, 0},
		"only advice": {func() v1alpha1.Brake {
			b := brake(v1alpha1.ActionScaleUp, owner, t0.Add(time.Hour))
			b.Spec.Mode = v1alpha1.ModeAdvise
			return b
		}(), nil, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := testPool("a", 0, 50)
			if c.spec != nil {
				c.spec(&p.Spec)
			}
			w := newWorld(t, p)
			w.brakes = []v1alpha1.Brake{c.brake}
			w.deployment("web", 4, "1", "1Gi")
			d := Decide(w.state())
			if (len(d.Buy) > 0) != c.buys || len(d.Held) != c.held {
				t.Errorf("bought %v, held %+v", d.Buy, d.Held)
			}
			if !c.buys && (d.Pods[0].Verdict != HeldBack || !strings.Contains(d.Pods[0].Why[0], "Brake b (CrashLoop")) {
				t.Errorf("verdict %+v", d.Pods[0])
			}
		})
	}
}

func TestLimitsAreThree(t *testing.T) {
	set := func(rate, budget int32, parallel string) func(*v1alpha1.NodePoolSpec) {
		return func(s *v1alpha1.NodePoolSpec) {
			p := intstr.FromString(parallel)
			s.ScaleUp.AfterHelp = new(false)
			s.ScaleUp.Limits = v1alpha1.Limits{Rate: &rate, Budget: &budget, Parallel: &p}
		}
	}
	for name, c := range map[string]struct {
		change func(*v1alpha1.NodePoolSpec)
		once   int // bought at once
		nine   int // bought in 9 minutes at most
		making int // made at once at most
		why    string
	}{
		"rate":     {set(2, 100, "100%"), 2, 18, 2, "the rate of 2 in 1m0s is reached"},
		"parallel": {set(100, 100, "10%"), 4, 45, 4, "4 are under way, of 4 at once"}, // 10 % of 45, rounded down
		"budget":   {set(100, 7, "100%"), 7, 7, 7, "the budget of 24 hours is used up: 7 of 7"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, testPool("a", 0, 45, c.change))
			w.deployment("web", 200, "1", "1Gi")
			w.decide()
			if w.bought != c.once {
				t.Errorf("bought %d at once, want %d", w.bought, c.once)
			}
			w.decide()
			if v := w.last.Pods[len(w.last.Pods)-1]; v.Verdict != HeldBack || !strings.Contains(v.Why[0], c.why) {
				t.Errorf("verdict %+v", v)
			}
			w.pass(8*time.Minute+30*time.Second, 30*time.Second)
			if w.bought < c.nine-2 || w.bought > c.nine || w.mostMaking > c.making {
				t.Errorf("bought %d in 9 minutes, %d at once; want %d, %d", w.bought, w.mostMaking, c.nine, c.making)
			}
		})
	}
}
