package fit

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
)

func scheduler(t *testing.T, objects ...*corev1.Namespace) *Scheduler {
	t.Helper()
	client := fake.NewClientset()
	for _, o := range objects {
		if err := client.Tracker().Add(o); err != nil {
			t.Fatal(err)
		}
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	s, err := New(t.Context(), client, factory)
	if err != nil {
		t.Fatal(err)
	}
	factory.Start(t.Context().Done())
	factory.WaitForCacheSync(t.Context().Done())
	return s
}

func node(name string, cpu, memory string) *corev1.Node {
	r := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory), corev1.ResourcePods: resource.MustParse("10")}
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name, corev1.LabelTopologyZone: "z" + name[len(name)-1:]}},
		Status: corev1.NodeStatus{Capacity: r, Allocatable: r}}
}

func pod(name, on, cpu string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name), Labels: map[string]string{"app": "web"}},
		Spec: corev1.PodSpec{NodeName: on, Containers: []corev1.Container{{Name: "c", Image: "i", Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}}}}}}
	for _, c := range change {
		c(p)
	}
	return p
}

var webs = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}

func spread(p *corev1.Pod) {
	p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: webs}}
}

func apart(p *corev1.Pod) {
	p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{TopologyKey: corev1.LabelHostname, LabelSelector: webs}}}}
}

func TestWhatDoesNotFitHasTheSchedulersReason(t *testing.T) {
	tainted := node("a", "4", "8Gi")
	tainted.Spec.Taints = []corev1.Taint{{Key: "gpu", Effect: corev1.TaintEffectNoSchedule}}
	cordoned := node("a", "4", "8Gi")
	cordoned.Spec.Unschedulable = true
	for name, c := range map[string]struct {
		node *corev1.Node
		on   []*corev1.Pod
		pod  *corev1.Pod
		want string // part of the reason; empty: it fits
	}{
		"it fits":       {node("a", "4", "8Gi"), nil, pod("p", "", "1"), ""},
		"too little":    {node("a", "4", "8Gi"), []*corev1.Pod{pod("q", "a", "3500m")}, pod("p", "", "1"), "Insufficient cpu"},
		"a taint":       {tainted, nil, pod("p", "", "1"), "untolerated taint"},
		"cordoned":      {cordoned, nil, pod("p", "", "1"), "unschedulable"},
		"another node":  {node("a", "4", "8Gi"), nil, pod("p", "", "1", func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{"disk": "ssd"} }), "node affinity/selector"},
		"anti-affinity": {node("a", "4", "8Gi"), []*corev1.Pod{pod("q", "a", "1", apart)}, pod("p", "", "1"), "anti-affinity"},
		"a host port":   {node("a", "4", "8Gi"), []*corev1.Pod{pod("q", "a", "1", port)}, pod("p", "", "1", port), "free ports"},
		"a volume that is not there": {node("a", "4", "8Gi"), nil, pod("p", "", "1", func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "nothing"}}}}
		}), `persistentvolumeclaim "nothing" not found`},
	} {
		t.Run(name, func(t *testing.T) {
			s := scheduler(t)
			s.Load([]*corev1.Node{c.node}, c.on)
			trial, err := s.Try(c.pod)
			if err != nil {
				t.Fatal(err)
			}
			why, ok := trial.Fits("a")
			if ok != (c.want == "") || !strings.Contains(why, c.want) {
				t.Errorf("fits %t, %q; want %q", ok, why, c.want)
			}
			if i, _ := trial.First(0); (i >= 0) != ok {
				t.Errorf("First gives %d, Fits %t", i, ok)
			}
		})
	}
}

func port(p *corev1.Pod) {
	p.Spec.Containers[0].Ports = []corev1.ContainerPort{{HostPort: 80, ContainerPort: 80, Protocol: "TCP"}}
}

func TestPlacedPodsCountAndRevert(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*corev1.Pod)
		want   []int // how many pods are on each node after 4 of them
	}{
		"packed":       {func(*corev1.Pod) {}, []int{4, 0, 0}},
		"spread":       {spread, []int{2, 1, 1}},
		"one per node": {apart, []int{1, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := scheduler(t)
			s.Load([]*corev1.Node{node("a", "4", "8Gi"), node("b", "4", "8Gi")}, nil)
			start := s.Mark()
			s.AddNode(node("c", "4", "8Gi"))
			var trial *Trial
			for i := range 4 {
				p := pod(fmt.Sprint("p", i), "", "1", c.change)
				var err error
				if trial == nil {
					trial, err = s.Try(p)
				} else {
					err = trial.Next(p)
				}
				if err != nil {
					t.Fatal(err)
				}
				if i, on := trial.First(0); i >= 0 {
					if err := trial.Place(on); err != nil {
						t.Fatal(err)
					}
				}
			}
			for i, name := range []string{"a", "b", "c"} {
				if cpu, _ := s.Requested(name); cpu != int64(1000*c.want[i]) {
					t.Errorf("node %s has %d m, want %d pods", name, cpu, c.want[i])
				}
			}
			s.Revert(start)
			if got := s.Nodes(); len(got) != 2 {
				t.Errorf("nodes after the revert: %v", got)
			}
			if cpu, _ := s.Requested("a"); cpu != 0 {
				t.Errorf("%d m are left on a", cpu)
			}
		})
	}
}

func TestAPodThatMovesLeavesItsPlace(t *testing.T) {
	s := scheduler(t)
	p := pod("p", "a", "3")
	s.Load([]*corev1.Node{node("a", "4", "8Gi"), node("b", "4", "8Gi")}, []*corev1.Pod{p})
	if err := s.Take(p); err != nil {
		t.Fatal(err)
	}
	trial, err := s.Try(p)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := trial.Fits("b"); !ok {
		t.Error("it does not fit the other node")
	}
	if cpu, _ := s.Requested("a"); cpu != 0 {
		t.Errorf("it is still on its node: %d m", cpu)
	}
	s.Revert(0)
	if cpu, _ := s.Requested("a"); cpu != 3000 {
		t.Errorf("it did not come back: %d m", cpu)
	}
}
