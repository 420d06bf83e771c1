package simulate

import (
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestUsageOf(t *testing.T) {
	requests := v1.ResourceList{v1.ResourceCPU: resource.MustParse("200m"), v1.ResourceMemory: resource.MustParse("64Mi")}
	for _, test := range []struct {
		name string
		pod  func(*v1.Pod)
		want usage
	}{
		{"nothing said", nil, usage{1e6, 16 << 20}},
		{"half of the requests", func(p *v1.Pod) { p.Spec.Containers[0].Resources.Requests = requests }, usage{100e6, 32 << 20}},
		{"as annotated, shared", func(p *v1.Pod) {
			p.Annotations = map[string]string{AnnotationCPU: "1", AnnotationMemory: "1Gi"}
			p.Spec.Containers = append(p.Spec.Containers, v1.Container{Name: "d"})
		}, usage{500e6, 512 << 20}},
		{"nonsense is ignored", func(p *v1.Pod) { p.Annotations = map[string]string{AnnotationCPU: "much"} }, usage{1e6, 16 << 20}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := pod(test.pod)
			if got := usageOf(p, p.Spec.Containers[0]); got != test.want {
				t.Errorf("usageOf = %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestMeterOnlyGrows(t *testing.T) {
	m := &meter{byNode: map[string]map[types.UID]map[string]counter{}}
	p := pod(func(p *v1.Pod) {
		p.Annotations = map[string]string{AnnotationCPU: "500m"}
		p.Status.Phase, p.Status.StartTime = v1.PodRunning, &metav1.Time{Time: t0}
	})
	name := types.NamespacedName{Namespace: "default", Name: "p"}
	first := m.read("n", []*v1.Pod{p}, t0.Add(10*time.Second))
	if used := first.Pods[name].Containers["c"].CumulativeCPUUsed; used != 5e9 {
		t.Errorf("after 10 s at half a CPU: %d ns, want 5e9", used)
	}
	p.Annotations[AnnotationCPU] = "100m"
	second := m.read("n", []*v1.Pod{p}, t0.Add(20*time.Second))
	if used := second.Pods[name].Containers["c"].CumulativeCPUUsed; used != 6e9 {
		t.Errorf("after 10 s more at a tenth: %d ns, want 6e9", used)
	}
	gone := m.read("n", nil, t0.Add(30*time.Second))
	if got, had := gone.Nodes["n"].CumulativeCPUUsed, second.Nodes["n"].CumulativeCPUUsed; got != had || had != 6e9 {
		t.Errorf("the node's CPU time went from %d to %d, want 6e9 both times", had, got)
	}
	if len(gone.Pods) != 0 || len(m.byNode["n"]) != 1 {
		t.Errorf("a pod that is gone is remembered: %+v", m.byNode["n"])
	}
}
