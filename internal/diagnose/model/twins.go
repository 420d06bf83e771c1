package model

import (
	"maps"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// twins has a pod of each owner, which those after it are like. It is safe for
// several goroutines; a pod in it does not change.
type twins struct {
	mu   sync.Mutex
	pods map[Key]*corev1.Pod
}

// share lets a pod use the parts of an earlier one that are the same: of 100,000
// pods, most are alike.
func (t *twins) share(p *corev1.Pod, namespace string) {
	owner := controller(p, namespace)
	if owner == (Key{}) {
		return
	}
	t.mu.Lock()
	twin := t.pods[owner]
	if twin == nil {
		t.pods[owner] = p
	}
	t.mu.Unlock()
	if twin == nil {
		return
	}
	if maps.Equal(p.Labels, twin.Labels) {
		p.Labels = twin.Labels
	}
	same := equality.Semantic.DeepEqual
	if same(p.Spec.Containers, twin.Spec.Containers) {
		p.Spec.Containers = twin.Spec.Containers
	}
	if same(p.Spec.InitContainers, twin.Spec.InitContainers) {
		p.Spec.InitContainers = twin.Spec.InitContainers
	}
	if same(p.Spec.Volumes, twin.Spec.Volumes) {
		p.Spec.Volumes = twin.Spec.Volumes
	}
	if same(p.Spec.Tolerations, twin.Spec.Tolerations) {
		p.Spec.Tolerations = twin.Spec.Tolerations
	}
	if same(p.Spec.Affinity, twin.Spec.Affinity) {
		p.Spec.Affinity = twin.Spec.Affinity
	}
	p.OwnerReferences = twin.OwnerReferences
}
