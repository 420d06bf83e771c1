package decide

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/fit"
)

var t0 = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// world is a cluster that does what decisions say, for tests that take time.
type world struct {
	t       *testing.T
	now     time.Time
	pools   []Pool
	nodes   []*corev1.Node
	pods    []*corev1.Pod
	budgets []*policyv1.PodDisruptionBudget
	brakes  []v1alpha1.Brake
	memory  Memory
	trouble string
	fit     *fit.Scheduler
	last    Decision

	// How machines behave: how long they take, what a node lacks of what was
	// foretold, whether they ever become nodes, how many there are at most.
	startDelay time.Duration
	lacks      corev1.ResourceList
	never      bool
	quota      int
	// crash says of a pod that is bound that it is not Ready.
	crash func(*corev1.Pod) bool

	bought, removed, drained int
	mostMaking               int // at once
}

func newWorld(t *testing.T, pools ...Pool) *world {
	t.Helper()
	factory := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
	s, err := fit.New(t.Context(), fake.NewClientset(), factory)
	if err != nil {
		t.Fatal(err)
	}
	factory.Start(t.Context().Done())
	factory.WaitForCacheSync(t.Context().Done())
	return &world{t: t, now: t0, pools: pools, fit: s, startDelay: 30 * time.Second, quota: 1 << 30, crash: func(*corev1.Pod) bool { return false }}
}

func testPool(name string, least, most int32, change ...func(*v1alpha1.NodePoolSpec)) Pool {
	p := Pool{Name: name, Listed: true, Spec: v1alpha1.NodePoolSpec{Min: least, Max: most, Provider: v1alpha1.PoolProvider{Type: v1alpha1.ProviderSimulated},
		Machine: v1alpha1.MachineShape{Resources: resources("4", "8Gi", "20")}}}
	p.Spec.Repair.Mode = v1alpha1.ModeAct
	for _, c := range change {
		c(&p.Spec)
	}
	return p
}

func resources(cpu, memory, pods string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory), corev1.ResourcePods: resource.MustParse(pods)}
}

// deployment adds n pods that find no room.
func (w *world) deployment(name string, n int, cpu, memory string, change ...func(*corev1.Pod)) {
	for i := range n {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("%s-%d", name, i), UID: types.UID(fmt.Sprintf("%s-%d-%d", name, i, len(w.pods))),
			Labels:          map[string]string{"app": name},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: name, Controller: new(true)}}},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i", Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}}}}}}
		for _, c := range change {
			c(p)
		}
		w.pods = append(w.pods, p)
	}
	w.schedule()
}

func ownerOf(p *corev1.Pod) v1alpha1.ObjectRef {
	if c := metav1.GetControllerOf(p); c != nil {
		return v1alpha1.ObjectRef{Kind: c.Kind, Namespace: p.Namespace, Name: c.Name}
	}
	return v1alpha1.ObjectRef{Kind: "Pod", Namespace: p.Namespace, Name: p.Name}
}

func (w *world) state() State {
	return State{Now: w.now, Pools: w.pools, Nodes: w.nodes, Pods: w.pods, Budgets: w.budgets, Brakes: w.brakes, Owner: ownerOf, Trouble: w.trouble,
		Memory: w.memory, Fit: w.fit, Name: func(pool string, n int) string { return fmt.Sprintf("%s-%d", pool, n) }}
}

// decide makes one decision and carries it out.
func (w *world) decide() Decision {
	d := Decide(w.state())
	w.last, w.memory = d, d.Memory
	for i := range w.pools {
		w.pools[i].Status = d.Statuses[w.pools[i].Name]
	}
	for _, b := range d.Buy {
		for _, name := range b.Names {
			w.make(b.Pool, name)
		}
	}
	making := 0
	for _, p := range w.pools {
		making += len(p.Machines)
	}
	w.mostMaking = max(w.mostMaking, making-len(w.nodes))
	for _, r := range d.Drain {
		mark, _ := json.Marshal(r.Mark)
		w.change(r.Node, func(n *corev1.Node) {
			n.Annotations = map[string]string{v1alpha1.AnnotationDrain: string(mark)}
			n.Spec.Unschedulable = true
		})
		w.drained++
	}
	for _, r := range d.Release {
		w.change(r.Node, func(n *corev1.Node) { n.Annotations, n.Spec.Unschedulable = nil, false })
	}
	for _, e := range d.Evict {
		w.unbind(func(p *corev1.Pod) bool { return p == e.Pod })
	}
	for _, r := range d.Remove {
		w.remove(r.Pool, r.Machine, r.Node)
	}
	return d
}

func (w *world) pool(name string) *Pool {
	i := slices.IndexFunc(w.pools, func(p Pool) bool { return p.Name == name })
	return &w.pools[i]
}

func (w *world) make(pool, name string) {
	p := w.pool(pool)
	if len(p.Machines) >= w.quota {
		p.Refused, p.RefusedAt = "quota exceeded", w.now
		return
	}
	w.bought++
	p.Machines = append(p.Machines, Machine{ID: "sim://" + name, Name: name, State: Running, Asked: w.now})
}

func (w *world) remove(pool string, m Machine, node string) {
	p := w.pool(pool)
	p.Machines = slices.DeleteFunc(p.Machines, func(o Machine) bool { return o.ID == m.ID && o.Name == m.Name })
	w.nodes = slices.DeleteFunc(w.nodes, func(n *corev1.Node) bool { return n.Name == node })
	w.unbind(func(p *corev1.Pod) bool { return node != "" && p.Spec.NodeName == node })
	w.removed++
}

func (w *world) change(node string, f func(*corev1.Node)) {
	for i, n := range w.nodes {
		if n.Name == node {
			n = n.DeepCopy()
			f(n)
			w.nodes[i] = n
		}
	}
}

// unbind makes pods anew that are evicted or lose their node.
func (w *world) unbind(which func(*corev1.Pod) bool) {
	for i, p := range w.pods {
		if which(p) {
			p = p.DeepCopy()
			p.UID += "'"
			p.Spec.NodeName, p.Status = "", corev1.PodStatus{}
			w.pods[i] = p
		}
	}
}

// sicken gives a node a condition.
func (w *world) sicken(node string, kind corev1.NodeConditionType, status corev1.ConditionStatus) {
	w.change(node, func(n *corev1.Node) {
		for i := range n.Status.Conditions {
			if n.Status.Conditions[i].Type == kind {
				n.Status.Conditions[i].Status, n.Status.Conditions[i].LastTransitionTime = status, metav1.NewTime(w.now)
				return
			}
		}
		n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{Type: kind, Status: status, Reason: "Test", LastTransitionTime: metav1.NewTime(w.now)})
	})
}

// pass lets time go by in steps, with machines that start, a scheduler, and a
// decision at each step.
func (w *world) pass(total, step time.Duration) {
	for end := w.now.Add(total); w.now.Before(end); {
		w.now = w.now.Add(step)
		w.start()
		w.schedule()
		w.decide()
	}
}

func (w *world) start() {
	for i := range w.pools {
		for _, m := range w.pools[i].Machines {
			if w.never || w.now.Sub(m.Asked) < w.startDelay || slices.ContainsFunc(w.nodes, func(n *corev1.Node) bool { return n.Name == m.Name }) {
				continue
			}
			n := Template(w.pools[i].Name, Complete(w.pools[i].Spec), nil)
			n.Name, n.Spec.ProviderID = m.Name, m.ID
			n.Labels[corev1.LabelHostname] = m.Name
			n.CreationTimestamp = metav1.NewTime(w.now)
			n.Status.Allocatable = minus(n.Status.Allocatable, w.lacks)
			n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(w.now)}}
			w.nodes = append(w.nodes, n)
		}
	}
}

func (w *world) schedule() {
	var nodes []*corev1.Node
	for _, n := range w.nodes {
		if ready(n) {
			nodes = append(nodes, n)
		}
	}
	w.fit.Load(nodes, w.pods)
	for i, p := range w.pods {
		if p.Spec.NodeName != "" {
			continue
		}
		p = p.DeepCopy()
		t, err := w.fit.Try(p)
		if err != nil {
			w.t.Fatal(err)
		}
		if _, on := t.First(0); on != "" {
			if err := t.Place(on); err != nil {
				w.t.Fatal(err)
			}
			p.Spec.NodeName = on
			is := corev1.ConditionTrue
			if w.crash(p) {
				is = corev1.ConditionFalse
			}
			p.Status = corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: is}}}
		} else if _, known := unschedulable(p); !known {
			p.Status.Phase = corev1.PodPending
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, LastTransitionTime: metav1.NewTime(w.now)}}
		}
		w.pods[i] = p
	}
}

func (w *world) pending() int {
	n := 0
	for _, p := range w.pods {
		if p.Spec.NodeName == "" {
			n++
		}
	}
	return n
}

// held is the reason of a pool's condition, empty if it is not True.
func (w *world) held(pool, kind string) string {
	for _, c := range w.pool(pool).Status.Conditions {
		if c.Type == kind && c.Status == metav1.ConditionTrue {
			return c.Reason
		}
	}
	return ""
}

func brake(action v1alpha1.Action, target v1alpha1.ObjectRef, until time.Time) v1alpha1.Brake {
	return v1alpha1.Brake{ObjectMeta: metav1.ObjectMeta{Name: "b"}, Spec: v1alpha1.BrakeSpec{Action: action, Target: target, Mode: v1alpha1.ModeAct,
		Reason: "CrashLoop", RequestedBy: "containment", Until: metav1.NewTime(until)}}
}
