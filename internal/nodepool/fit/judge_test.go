package fit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// judge is the same plugins on upstream's own snapshot, made anew for each question:
// nothing is kept, nothing is left out.
type judge struct {
	fwk.SharedLister
	framework framework.Framework
}

func newJudge(t *testing.T, spaces ...*corev1.Namespace) *judge {
	t.Helper()
	client := fake.NewClientset()
	for _, s := range spaces {
		if err := client.Tracker().Add(s); err != nil {
			t.Fatal(err)
		}
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	j := &judge{SharedLister: cache.NewEmptySnapshot()}
	var err error
	if j.framework, err = newFramework(t.Context(), client, factory, j); err != nil {
		t.Fatal(err)
	}
	factory.Start(t.Context().Done())
	factory.WaitForCacheSync(t.Context().Done())
	return j
}

// fits answers for each node.
func (j *judge) fits(t *testing.T, pod *corev1.Pod, nodes []*corev1.Node, pods []*corev1.Pod) map[string]string {
	snapshot := cache.NewSnapshot(pods, nodes)
	j.SharedLister = snapshot
	state, why := framework.NewCycleState(), map[string]string{}
	_, status, _ := j.framework.RunPreFilterPlugins(t.Context(), state, pod)
	for _, n := range nodes {
		if !status.IsSuccess() {
			why[n.Name] = status.Message()
			continue
		}
		info, err := snapshot.NodeInfos().Get(n.Name)
		if err != nil {
			t.Fatal(err)
		}
		why[n.Name] = j.framework.RunFilterPlugins(t.Context(), state, pod, info).Message()
	}
	return why
}

// game is a random cluster on which random pods are placed, one after the other.
type game struct {
	*rand.Rand
	t     *testing.T
	s     *Scheduler
	judge *judge
	nodes []*corev1.Node
	pods  []*corev1.Pod // that are on nodes
	seed  uint64
	count int
	asked int
	yes   int
}

func (g *game) one(list ...string) string { return list[g.IntN(len(list))] }

func (g *game) node() *corev1.Node {
	g.count++
	n := node(fmt.Sprintf("n%d", g.count), g.one("4", "8"), "8Gi")
	n.Labels[corev1.LabelTopologyZone] = g.one("a", "b", "c")
	if g.IntN(8) == 0 {
		delete(n.Labels, corev1.LabelTopologyZone)
	}
	if g.IntN(6) == 0 {
		n.Spec.Taints = []corev1.Taint{{Key: "t", Effect: corev1.TaintEffectNoSchedule}}
	}
	n.Labels["size"] = g.one("small", "big")
	return n
}

// selector takes pods of one app or more; seldom all, or none.
func (g *game) selector() *metav1.LabelSelector {
	switch g.IntN(12) {
	case 0:
		return &metav1.LabelSelector{}
	case 1:
		return nil
	case 2:
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: []string{"web", "db"}}}}
	}
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": g.one("web", "web", "db", "batch")}}
}

func (g *game) term() corev1.PodAffinityTerm {
	t := corev1.PodAffinityTerm{TopologyKey: g.one(corev1.LabelHostname, corev1.LabelTopologyZone), LabelSelector: g.selector()}
	switch g.IntN(4) {
	case 0:
		t.Namespaces = []string{"default", "other"}
	case 1:
		t.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": g.one("x", "y")}}
	}
	return t
}

// choice is of nodes.
func (g *game) choice() corev1.NodeSelectorTerm {
	if g.IntN(4) == 0 {
		return corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: corev1.NodeSelectorOpNotIn, Values: []string{"n1"}}}}
	}
	return corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: g.one("size", corev1.LabelTopologyZone),
		Operator: corev1.NodeSelectorOperator(g.one("In", "NotIn")), Values: []string{g.one("small", "a", "b")}}}}
}

func (g *game) spread() corev1.TopologySpreadConstraint {
	c := corev1.TopologySpreadConstraint{MaxSkew: int32(1 + g.IntN(2)), TopologyKey: g.one(corev1.LabelHostname, corev1.LabelTopologyZone),
		WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: g.selector()}
	switch g.IntN(6) {
	case 0:
		c.WhenUnsatisfiable = corev1.ScheduleAnyway
	case 1:
		c.MinDomains = new(int32(g.IntN(4) + 1))
	case 2:
		c.NodeTaintsPolicy = new(corev1.NodeInclusionPolicyHonor)
	case 3:
		c.NodeAffinityPolicy = new(corev1.NodeInclusionPolicyIgnore)
	case 4:
		if c.LabelSelector != nil {
			c.MatchLabelKeys = []string{"version"}
		}
	}
	return c
}

// kind makes random pods that differ in their names only.
func (g *game) kind() func() *corev1.Pod {
	example := pod("", "", g.one("100m", "500m", "1"))
	example.Namespace = g.one("default", "default", "other")
	example.Labels = map[string]string{"app": g.one("web", "db", "batch"), "version": g.one("1", "2")}
	for range g.IntN(3) {
		example.Spec.TopologySpreadConstraints = append(example.Spec.TopologySpreadConstraints, g.spread())
	}
	affinity := &corev1.Affinity{}
	if g.IntN(4) == 0 {
		affinity.PodAffinity = &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{g.term()}}
	}
	if g.IntN(4) == 0 {
		affinity.PodAntiAffinity = &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{g.term()}}
	}
	example.Spec.Affinity = affinity
	if g.IntN(5) == 0 {
		example.Spec.NodeSelector = map[string]string{"size": "big"}
	}
	if g.IntN(6) == 0 {
		affinity.NodeAffinity = &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{g.choice(), g.choice()}}}
	}
	if g.IntN(4) == 0 {
		example.Spec.Tolerations = []corev1.Toleration{{Key: "t", Operator: corev1.TolerationOpExists}}
	}
	if g.IntN(8) == 0 {
		port(example)
	}
	return func() *corev1.Pod {
		g.count++
		p := example.DeepCopy()
		p.Name = fmt.Sprintf("p%d", g.count)
		p.UID = types.UID(p.Name)
		return p
	}
}

func bound(p *corev1.Pod, node string) *corev1.Pod {
	p = p.DeepCopy()
	p.Spec.NodeName = node
	return p
}

// compare asks both about each node, and gives those that the pod fits.
func (g *game) compare(trial *Trial, p *corev1.Pod, when string) []string {
	g.t.Helper()
	var fits []string
	for name, want := range g.judge.fits(g.t, p, g.nodes, g.pods) {
		got, ok := trial.Fits(name)
		if got != want || ok != (want == "") {
			g.t.Fatalf("seed %d, %s: pod %s on node %s: %q, upstream says %q", g.seed, when, p.Name, name, got, want)
		}
		g.asked++
		if ok {
			g.yes++
			fits = append(fits, name)
		}
	}
	slices.Sort(fits)
	return fits
}

// round places pods of one kind; nodes come in between.
func (g *game) round() {
	make := g.kind()
	p := make()
	trial, err := g.s.Try(p)
	if err != nil {
		g.t.Fatal(err)
	}
	for i := range 2 + g.IntN(8) {
		if i > 0 {
			p = make()
			if err := trial.Next(p); err != nil {
				g.t.Fatal(err)
			}
		}
		fits := g.compare(trial, p, "before")
		if g.IntN(6) == 0 {
			n := g.node()
			g.s.AddNode(n)
			g.nodes = append(g.nodes, n)
			g.daemon(n.Name)
			fits = g.compare(trial, p, "with one more node")
		}
		if len(fits) == 0 {
			return
		}
		to := fits[0] // often the same one after the other, as the decision does
		if g.IntN(3) == 0 {
			to = fits[g.IntN(len(fits))]
		}
		if err := trial.Place(to); err != nil {
			g.t.Fatal(err)
		}
		g.pods = append(g.pods, bound(p, to))
	}
}

// daemon places a pod of another kind on a node, while a trial goes on.
func (g *game) daemon(node string) {
	p := g.kind()()
	trial, err := g.s.Try(p)
	if err != nil {
		g.t.Fatal(err)
	}
	if _, fits := trial.Fits(node); !fits {
		return
	}
	if err := trial.Place(node); err != nil {
		g.t.Fatal(err)
	}
	g.pods = append(g.pods, bound(p, node))
}

// moves takes a pod away and asks where it would fit, as scale-down does.
func (g *game) moves() {
	if len(g.pods) == 0 {
		return
	}
	i := g.IntN(len(g.pods))
	p := g.pods[i]
	if err := g.s.Take(p); err != nil {
		g.t.Fatal(err)
	}
	g.pods = slices.Delete(slices.Clone(g.pods), i, i+1)
	trial, err := g.s.Try(p)
	if err != nil {
		g.t.Fatal(err)
	}
	g.compare(trial, bound(p, ""), "after a pod left")
}

func TestAnswersAreThoseOfTheSchedulerOnAFreshSnapshot(t *testing.T) {
	spaces := []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "default", Labels: map[string]string{"team": "x"}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "other", Labels: map[string]string{"team": "y"}}}}
	s, j := scheduler(t, spaces...), newJudge(t, spaces...)
	asked, yes := 0, 0
	for seed := range uint64(200) {
		g := &game{Rand: rand.New(rand.NewPCG(seed, 1)), t: t, seed: seed, s: s, judge: j}
		for range 3 + g.IntN(5) {
			g.nodes = append(g.nodes, g.node())
		}
		for range g.IntN(8) {
			p := bound(g.kind()(), g.nodes[g.IntN(len(g.nodes))].Name)
			p.Spec.Containers[0].Ports = nil // two on one node cannot be
			g.pods = append(g.pods, p)
		}
		s.Load(g.nodes, g.pods)
		for range 4 {
			mark, nodes, pods := s.Mark(), slices.Clone(g.nodes), slices.Clone(g.pods)
			g.round()
			g.moves()
			g.round()
			switch g.IntN(3) {
			case 0:
				s.Revert(mark)
				g.nodes, g.pods = nodes, pods
			case 1: // what was tried came true, and a pod went
				if len(g.pods) > 0 {
					g.pods = g.pods[1:]
				}
				s.Load(g.nodes, g.pods)
			}
		}
		asked, yes = asked+g.asked, yes+g.yes
	}
	t.Logf("%d answers, of which %d yes", asked, yes)
	if yes < asked/20 || yes > asked*19/20 {
		t.Errorf("%d of %d answers are yes: that tests little", yes, asked)
	}
}
