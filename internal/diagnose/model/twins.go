package model

import (
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// twins has a pod of each owner, which those after it are like, and the template
// that the first is like. It is safe for several goroutines; what is in it does not
// change.
type twins struct {
	mu        sync.Mutex
	pods      map[Key]*PodState
	templates map[Key]*corev1.PodSpec
}

func newTwins() twins {
	return twins{pods: map[Key]*PodState{}, templates: map[Key]*corev1.PodSpec{}}
}

// template takes a workload's template, which shares what is the same with the
// workload's last one.
func (t *twins) template(k Key, spec *corev1.PodSpec) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last := t.templates[k]; last != nil {
		shareParts(spec, last)
	}
	t.templates[k] = spec
}

// forget drops those of what is gone.
func (t *twins) forget(gone func(Key) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.pods, func(k Key, _ *PodState) bool { return gone(k) })
	maps.DeleteFunc(t.templates, func(k Key, _ *corev1.PodSpec) bool { return gone(k) })
}

// share lets a pod use the parts of an earlier one that are the same: of 100,000
// pods, most are alike.
func (t *twins) share(p *PodState, namespace string) {
	owner := controller(p, namespace)
	if owner == (Key{}) {
		return
	}
	t.mu.Lock()
	twin := t.pods[owner]
	if twin == nil {
		template := owner
		if owner.Kind == KindReplicaSet {
			template = Key{KindDeployment, namespace, setStem(owner.Name)}
		}
		if like := t.templates[template]; like != nil {
			shareParts(p.Spec.PodSpec, like)
		}
		t.pods[owner] = p
	}
	t.mu.Unlock()
	if twin == nil {
		return
	}
	if sameLabels(p.Labels, twin.Labels) {
		p.Labels = twin.Labels
	}
	if sameOwners(p.OwnerReferences, twin.OwnerReferences) {
		p.OwnerReferences = twin.OwnerReferences
	}
	if slices.Equal(p.Status.ContainerStatuses, twin.Status.ContainerStatuses) {
		p.Status.ContainerStatuses = twin.Status.ContainerStatuses
	}
	if equality.Semantic.DeepEqual(p.Spec.PodSpec, twin.Spec.PodSpec) {
		p.Spec.PodSpec = twin.Spec.PodSpec
		return
	}
	shareParts(p.Spec.PodSpec, twin.Spec.PodSpec)
}

// shareParts lets a spec use the parts of another that are the same.
func shareParts(mine, its *corev1.PodSpec) {
	same := equality.Semantic.DeepEqual
	if same(mine.Containers, its.Containers) {
		mine.Containers = its.Containers
	}
	if same(mine.InitContainers, its.InitContainers) {
		mine.InitContainers = its.InitContainers
	}
	if same(mine.Volumes, its.Volumes) {
		mine.Volumes = its.Volumes
	}
	if same(mine.Tolerations, its.Tolerations) {
		mine.Tolerations = its.Tolerations
	}
	if same(mine.Affinity, its.Affinity) {
		mine.Affinity = its.Affinity
	}
}

func sameLabels(a, b map[string]string) bool { return maps.Equal(a, b) }

func sameOwners(a, b []metav1.OwnerReference) bool {
	return slices.EqualFunc(a, b, func(x, y metav1.OwnerReference) bool {
		return x.APIVersion == y.APIVersion && x.Kind == y.Kind && x.Name == y.Name && x.UID == y.UID
	})
}
