package decide

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-helpers/resource"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// Annotations of cluster-autoscaler's that are heeded.
const (
	safeToEvict       = "cluster-autoscaler.kubernetes.io/safe-to-evict"
	scaleDownDisabled = "cluster-autoscaler.kubernetes.io/scale-down-disabled"
)

// expendable is the priority below which a pod gets no node (cluster-autoscaler's
// --expendable-pods-priority-cutoff).
const expendable = -10

func podReady(pod *corev1.Pod) bool {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == corev1.PodReady {
			return pod.Status.Conditions[i].Status == corev1.ConditionTrue
		}
	}
	return false
}

func finished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// unschedulable says whether the scheduler found no room for a pod, and since when.
func unschedulable(pod *corev1.Pod) (since metav1.Time, is bool) {
	if pod.Spec.NodeName != "" || pod.DeletionTimestamp != nil || finished(pod) || pod.Status.NominatedNodeName != "" {
		return since, false
	}
	for i := range pod.Status.Conditions {
		c := &pod.Status.Conditions[i]
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return c.LastTransitionTime, true
		}
	}
	return since, false
}

func priority(pod *corev1.Pod) int32 {
	if pod.Spec.Priority != nil {
		return *pod.Spec.Priority
	}
	return 0
}

// stays says that a pod goes only with its node: a DaemonSet's or a mirror of the
// kubelet's own.
func stays(pod *corev1.Pod) bool {
	if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return true
	}
	c := metav1.GetControllerOf(pod)
	return c != nil && c.Kind == "DaemonSet"
}

func hasLocalData(pod *corev1.Pod) bool {
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		if v.HostPath != nil || v.EmptyDir != nil && v.EmptyDir.Medium != corev1.StorageMediumMemory {
			return true
		}
	}
	return false
}

// group is pods of one owner that are alike.
type group struct {
	owner v1alpha1.ObjectRef
	pods  []*corev1.Pod
	// placed is how many of them, from the first on, have a place.
	placed   int
	cpu, mem int64
	verdict  string
	why      []string
	// refusals are why pools took no more of it when they were asked last.
	refusals []refusal
}

// refusal is why a pool does not grow for a group.
type refusal struct {
	p *pool
	hold
}

func (g *group) open() bool { return g.placed < len(g.pods) }

// groups sorts pods into groups: the most important first, then the biggest.
func groups(pods []*corev1.Pod, owner func(*corev1.Pod) v1alpha1.ObjectRef) []*group {
	byOwner := map[v1alpha1.ObjectRef][]*group{}
	var list []*group
next:
	for _, pod := range pods {
		o := owner(pod)
		for _, g := range last(byOwner[o], maxKinds) {
			if alike(g.pods[0], pod) {
				g.pods = append(g.pods, pod)
				continue next
			}
		}
		r := resource.PodRequests(pod, resource.PodResourcesOptions{})
		g := &group{owner: o, pods: []*corev1.Pod{pod}, cpu: r.Cpu().MilliValue(), mem: r.Memory().Value()}
		byOwner[o] = append(byOwner[o], g)
		list = append(list, g)
	}
	slices.SortStableFunc(list, func(a, b *group) int {
		if x, y := priority(a.pods[0]), priority(b.pods[0]); x != y {
			return int(y) - int(x)
		}
		// A GiB counts as much as a cpu: sizes are only to be compared.
		x, y := a.cpu+a.mem>>20, b.cpu+b.mem>>20
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return list
}

// maxKinds bounds what a pod is compared with: of a StatefulSet each pod is a kind of
// its own.
const maxKinds = 8

func last(list []*group, n int) []*group { return list[max(0, len(list)-n):] }

// alike says that the scheduler treats two pods the same.
func alike(a, b *corev1.Pod) bool {
	return a.Namespace == b.Namespace && equality.Semantic.DeepEqual(a.Labels, b.Labels) && equality.Semantic.DeepEqual(&a.Spec, &b.Spec)
}
