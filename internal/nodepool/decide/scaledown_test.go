package decide

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// grown is a pool of n nodes, all Ready and past the pause after their coming.
func grown(t *testing.T, n int32, change ...func(*v1alpha1.NodePoolSpec)) *world {
	t.Helper()
	w := newWorld(t, testPool("a", n, 20, change...))
	for len(w.nodes) < int(n) {
		w.pass(time.Minute, 10*time.Second)
	}
	w.pool("a").Spec.Min = 0
	w.memory.Added = nil
	return w
}

// on puts a pod on a node.
func (w *world) on(node, name, cpu string, change ...func(*corev1.Pod)) {
	w.deployment(name, 1, cpu, "100Mi", append(change, func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{corev1.LabelHostname: node} })...)
	for i, p := range w.pods {
		if p.Name == name+"-0" {
			p = p.DeepCopy()
			p.Spec.NodeSelector = nil // only its first place was chosen
			w.pods[i] = p
		}
	}
}

func TestNodesThatAreNotNeededGo(t *testing.T) {
	budget := func(app string, allowed int32) *policyv1.PodDisruptionBudget {
		return &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "b"},
			Spec:   policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}},
			Status: policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: allowed}}
	}
	web := v1alpha1.ObjectRef{Kind: "Deployment", Namespace: "shop", Name: "web"}
	for name, c := range map[string]struct {
		prepare func(*world)
		left    int    // nodes after an hour
		why     string // that of node a-0, if it stays
	}{
		"empty ones":        {func(*world) {}, 0, ""},
		"down to min":       {func(w *world) { w.pool("a").Spec.Min = 2 }, 2, ""},
		"used a little":     {func(w *world) { w.on("a-0", "web", "1"); w.on("a-1", "db", "3") }, 1, ""},
		"used enough":       {func(w *world) { w.on("a-0", "web", "2"); w.on("a-1", "db", "3"); w.on("a-2", "x", "3") }, 3, "50% of its cpu"},
		"no room on others": {func(w *world) { w.on("a-0", "web", "1900m"); w.on("a-1", "db", "3"); w.on("a-2", "x", "3") }, 3, "fits no other node"},
		"a budget that holds": {func(w *world) {
			w.budgets = append(w.budgets, budget("web", 0))
			w.on("a-0", "web", "1")
			w.on("a-1", "db", "3")
		}, 2, "PodDisruptionBudget shop/b"},
		"a budget that lets it": {func(w *world) {
			w.budgets = append(w.budgets, budget("web", 1))
			w.on("a-0", "web", "1")
			w.on("a-1", "db", "3")
		}, 1, ""},
		"a pod without an owner": {func(w *world) {
			w.on("a-0", "web", "1", func(p *corev1.Pod) { p.OwnerReferences = nil })
			w.on("a-1", "db", "3")
		}, 2, "no owner"},
		"data on the node": {func(w *world) { w.on("a-0", "web", "1", emptyDir); w.on("a-1", "db", "3") }, 2, "has data on the node"},
		"data that may go": {func(w *world) {
			w.pool("a").Spec.ScaleDown.EvictLocalData = true
			w.on("a-0", "web", "1", emptyDir)
			w.on("a-1", "db", "3")
		}, 1, ""},
		"not safe to evict": {func(w *world) {
			w.on("a-0", "web", "1", func(p *corev1.Pod) { p.Annotations = map[string]string{safeToEvict: "false"} })
			w.on("a-1", "db", "3")
		}, 2, "safe-to-evict=false"},
		"a Brake on the pod's owner": {func(w *world) {
			w.brakes = append(w.brakes, brake(v1alpha1.ActionDisruption, web, t0.Add(24*time.Hour)))
			w.on("a-0", "web", "1")
			w.on("a-1", "db", "3")
		}, 2, "Brake b"},
		"a Brake on the pool": {func(w *world) {
			w.brakes = append(w.brakes, brake(v1alpha1.ActionDisruption, v1alpha1.ObjectRef{Kind: "NodePool", Name: "a"}, t0.Add(24*time.Hour)))
		}, 3, "Brake b"},
		"the API server is not well": {func(w *world) { w.trouble = "the API server does not answer" }, 3, "does not answer"},
		"only advice":                {func(w *world) { w.pool("a").Spec.ScaleDown.Mode = v1alpha1.ModeAdvise }, 3, "in mode Advise"},
		"a fixed size":               {func(w *world) { w.pool("a").Spec.Nodes = new(int32(1)) }, 1, ""},
		"a max that was lowered":     {func(w *world) { w.pool("a").Spec.Max = 2; w.pool("a").Spec.Min = 2 }, 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := grown(t, 3)
			c.prepare(w)
			bought := w.bought
			w.pass(time.Hour, 20*time.Second)
			if len(w.nodes) != c.left || w.pending() != 0 {
				t.Errorf("%d nodes are left, want %d; %d pods wait; %+v", len(w.nodes), c.left, w.pending(), w.last.Nodes)
			}
			if w.bought != bought {
				t.Errorf("%d nodes were bought meanwhile", w.bought-bought)
			}
			if c.why == "" {
				return
			}
			for _, v := range w.last.Nodes {
				if v.Node == "a-0" && strings.Contains(v.Why, c.why) {
					return
				}
			}
			t.Errorf("nobody says %q: %+v", c.why, w.last.Nodes)
		})
	}
}

func emptyDir(p *corev1.Pod) {
	p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
}

func TestADrainThatIsTooSlowEnds(t *testing.T) {
	w := grown(t, 2)
	w.on("a-0", "web", "1")
	w.on("a-1", "db", "3")
	w.pass(9*time.Minute, 20*time.Second)
	w.budgets = []*policyv1.PodDisruptionBudget{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "b"},
		Spec:   policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{}},
		Status: policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: 1}}}
	for len(w.last.Drain) == 0 && w.now.Sub(t0) < time.Hour {
		w.pass(20*time.Second, 20*time.Second)
	}
	w.budgets[0].Status.DisruptionsAllowed = 0 // between the mark and the eviction
	w.pass(9*time.Minute, 20*time.Second)
	if n := w.last.Nodes[0]; n.State != isDraining || !strings.Contains(n.Why, "PodDisruptionBudget") {
		t.Fatalf("node %+v", n)
	}
	w.pass(2*time.Minute, 20*time.Second)
	if len(w.nodes) != 2 || w.nodes[0].Spec.Unschedulable {
		t.Errorf("the drain goes on after its time: %+v", w.last.Nodes)
	}
}

func TestAPoolThatIsDeletedIsEmptied(t *testing.T) {
	w := grown(t, 3)
	w.on("a-0", "web", "3")
	w.pool("a").Ending, w.pool("a").Spec.Min = true, 3
	w.pass(10*time.Minute, 20*time.Second)
	if len(w.nodes) != 0 || w.bought != 3 {
		t.Errorf("%d nodes are left, %d were bought", len(w.nodes), w.bought)
	}
}
