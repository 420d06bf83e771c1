package fit

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	helper "k8s.io/component-helpers/resource"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// examples are pods by their owners. What a pod asks for is counted on one of an
// owner's and serves for all that ask for the same: to count it for each of 30,000
// takes a second.
type examples map[types.UID]*framework.PodInfo

// info prepares a pod for a node.
func (e examples) info(pod *corev1.Pod) fwk.PodInfo {
	info, _ := framework.NewPodInfo(pod) // a term that cannot be read is left out, as by the scheduler
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return info
	}
	if like := e[owner.UID]; like != nil && sameRequests(like.Pod, pod) {
		return counted{info, like}
	}
	e[owner.UID] = info
	return info
}

// counted is a pod that asks for what another does.
type counted struct {
	*framework.PodInfo
	like *framework.PodInfo
}

// CalculateResource is part of fwk.PodInfo.
func (c counted) CalculateResource() fwk.PodResource { return c.like.CalculateResource() }

// sameRequests says that two pods surely ask for the same. It compares what upstream's
// sum is made of; a test with random pods finds what it would miss.
func sameRequests(a, b *corev1.Pod) bool {
	return slices.EqualFunc(a.Spec.Containers, b.Spec.Containers, sameContainer) &&
		slices.EqualFunc(a.Spec.InitContainers, b.Spec.InitContainers, sameContainer) &&
		slices.EqualFunc(a.Status.ContainerStatuses, b.Status.ContainerStatuses, sameStatus) &&
		slices.EqualFunc(a.Status.InitContainerStatuses, b.Status.InitContainerStatuses, sameStatus) &&
		sameList(a.Spec.Overhead, b.Spec.Overhead) && sameOf(a.Spec.Resources, b.Spec.Resources) &&
		sameList(a.Status.AllocatedResources, b.Status.AllocatedResources) && sameOf(a.Status.Resources, b.Status.Resources) &&
		helper.IsPodResizeInfeasible(a) == helper.IsPodResizeInfeasible(b) &&
		len(a.Status.NodeAllocatableResourceClaimStatuses)+len(b.Status.NodeAllocatableResourceClaimStatuses) == 0
}

func sameContainer(a, b corev1.Container) bool {
	always := func(c *corev1.Container) bool {
		return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
	}
	return a.Name == b.Name && sameOf(&a.Resources, &b.Resources) && always(&a) == always(&b)
}

func sameStatus(a, b corev1.ContainerStatus) bool {
	return a.Name == b.Name && sameList(a.AllocatedResources, b.AllocatedResources) && sameOf(a.Resources, b.Resources)
}

func sameOf(a, b *corev1.ResourceRequirements) bool {
	if a == nil || b == nil {
		return a == b
	}
	return sameList(a.Requests, b.Requests)
}

// sameList tells none from an empty one, as upstream does.
func sameList(a, b corev1.ResourceList) bool {
	return (a == nil) == (b == nil) && maps.EqualFunc(a, b, func(x, y resource.Quantity) bool { return x.Cmp(y) == 0 })
}
