package fit

import (
	"math/rand/v2"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"sigs.k8s.io/randfill"
)

// filler makes random pods in which all that can be set may be, so that a field that
// a new version counts is found, too.
func filler(seed int64) *randfill.Filler {
	names := []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, "example.com/gpu"}
	return randfill.NewWithSeed(seed).NilChance(0.4).NumElements(0, 2).Funcs(
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewMilliQuantity(c.Int63n(4)*500, resource.DecimalSI)
		},
		func(l *corev1.ResourceList, c randfill.Continue) {
			*l = corev1.ResourceList{}
			for range c.Intn(3) {
				var q resource.Quantity
				c.Fill(&q)
				(*l)[names[c.Intn(len(names))]] = q
			}
		},
		func(n *corev1.PodConditionType, c randfill.Continue) {
			*n = []corev1.PodConditionType{corev1.PodReady, corev1.PodResizePending}[c.Intn(2)]
		},
		func(p *corev1.ContainerRestartPolicy, c randfill.Continue) {
			*p = []corev1.ContainerRestartPolicy{corev1.ContainerRestartPolicyAlways, corev1.ContainerRestartPolicyNever}[c.Intn(2)]
		},
	)
}

func fill(f *randfill.Filler, r *rand.Rand) *corev1.Pod {
	p := &corev1.Pod{}
	f.Fill(&p.Spec)
	f.Fill(&p.Status)
	p.Spec.Affinity = nil
	for i := range p.Spec.Containers {
		p.Spec.Containers[i].Name = "c" + string(rune('0'+i))
	}
	for i := range p.Status.ContainerStatuses {
		p.Status.ContainerStatuses[i].Name = "c" + string(rune('0'+i))
	}
	for i := range p.Status.Conditions {
		p.Status.Conditions[i].Reason = []string{corev1.PodReasonInfeasible, corev1.PodReasonDeferred}[r.IntN(2)]
	}
	return p
}

// changeOne takes one field of a part of b from c.
func changeOne(r *rand.Rand, b, c *corev1.Pod) {
	type pair struct{ to, from reflect.Value }
	of := func(to, from any) pair { return pair{reflect.ValueOf(to).Elem(), reflect.ValueOf(from).Elem()} }
	parts := []pair{of(&b.Spec, &c.Spec), of(&b.Status, &c.Status)}
	for i := range min(len(b.Spec.Containers), len(c.Spec.Containers)) {
		parts = append(parts, of(&b.Spec.Containers[i], &c.Spec.Containers[i]))
	}
	for i := range min(len(b.Spec.InitContainers), len(c.Spec.InitContainers)) {
		parts = append(parts, of(&b.Spec.InitContainers[i], &c.Spec.InitContainers[i]))
	}
	for i := range min(len(b.Status.ContainerStatuses), len(c.Status.ContainerStatuses)) {
		parts = append(parts, of(&b.Status.ContainerStatuses[i], &c.Status.ContainerStatuses[i]))
	}
	part := parts[r.IntN(len(parts))]
	i := r.IntN(part.to.NumField())
	part.to.Field(i).Set(part.from.Field(i))
}

func TestPodsThatAskForTheSameCountTheSame(t *testing.T) {
	f, r := filler(1), rand.New(rand.NewPCG(1, 2))
	count := func(p *corev1.Pod) any {
		info, err := framework.NewPodInfo(p)
		if err != nil {
			t.Fatal(err)
		}
		return info.CalculateResource()
	}
	same, differ := 0, 0
	for range 6000 {
		a, c := fill(f, r), fill(f, r)
		b := a.DeepCopy()
		changeOne(r, b, c)
		x, y := count(a), count(b)
		equal := equality.Semantic.DeepEqual(x, y)
		if !equal {
			differ++
		}
		if sameRequests(a, b) {
			same++
			if !equal {
				t.Fatalf("taken for the same:\n%+v\n%+v\n%v %v", a, b, x, y)
			}
		}
	}
	if same < 1000 || differ < 100 {
		t.Errorf("%d pairs are taken for the same, %d differ: that tests little", same, differ)
	}
}
