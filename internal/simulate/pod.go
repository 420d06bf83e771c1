package simulate

import (
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// place is where a pod runs.
type place struct {
	nodeIP, podIP string
	jobDuration   time.Duration
}

// decision is what happens to a pod.
type decision struct {
	// status replaces the pod's; nil leaves it.
	status *v1.PodStatus
	// remove takes the pod out of the API: its containers have ended.
	remove bool
	// after is when to look at the pod again with nothing new about it; 0: not.
	after time.Duration
}

// decide returns what a kubelet whose containers start, get ready and stop at
// once would do about pod now.
func decide(pod *v1.Pod, now time.Time, at place) decision {
	if pod.DeletionTimestamp != nil {
		// With no grace left, the pod stays for its finalizers only.
		graceful := pod.DeletionGracePeriodSeconds != nil && *pod.DeletionGracePeriodSeconds > 0
		return decision{remove: graceful}
	}
	if pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed {
		return decision{}
	}
	status := pod.Status.DeepCopy()
	if status.StartTime == nil {
		status.StartTime = &metav1.Time{Time: now}
	}
	status.ObservedGeneration = pod.Generation
	place := func(host, ip string) {
		status.HostIP, status.HostIPs = host, hostIPs(host)
		status.PodIP, status.PodIPs = ip, podIPs(ip)
	}
	if place(at.nodeIP, at.podIP); pod.Spec.HostNetwork {
		place(at.nodeIP, at.nodeIP)
	}

	var after time.Duration
	done := false
	if ownedByJob(pod) {
		after = status.StartTime.Add(at.jobDuration).Sub(now)
		done = after <= 0
	}
	status.Phase = v1.PodRunning
	if done {
		status.Phase, after = v1.PodSucceeded, 0
	}
	status.InitContainerStatuses = initStatuses(pod, done, now)
	status.ContainerStatuses = nil
	for _, container := range pod.Spec.Containers {
		status.ContainerStatuses = append(status.ContainerStatuses, containerStatus(pod, container, pod.Status.ContainerStatuses, done, now))
	}
	status.EphemeralContainerStatuses = nil
	for _, container := range pod.Spec.EphemeralContainers {
		status.EphemeralContainerStatuses = append(status.EphemeralContainerStatuses,
			containerStatus(pod, v1.Container(container.EphemeralContainerCommon), pod.Status.EphemeralContainerStatuses, done, now))
	}
	status.Conditions = conditions(pod, done, now)

	if equality.Semantic.DeepEqual(status, &pod.Status) {
		status = nil
	}
	return decision{status: status, after: after}
}

func hostIPs(ip string) []v1.HostIP {
	if ip == "" {
		return nil
	}
	return []v1.HostIP{{IP: ip}}
}

func podIPs(ip string) []v1.PodIP {
	if ip == "" {
		return nil
	}
	return []v1.PodIP{{IP: ip}}
}

func ownedByJob(pod *v1.Pod) bool {
	owner := metav1.GetControllerOf(pod)
	return owner != nil && owner.Kind == "Job"
}

// initStatuses: init containers have ended well, those that restart always run
// as long as the pod.
func initStatuses(pod *v1.Pod, done bool, now time.Time) []v1.ContainerStatus {
	var statuses []v1.ContainerStatus
	for _, container := range pod.Spec.InitContainers {
		sidecar := container.RestartPolicy != nil && *container.RestartPolicy == v1.ContainerRestartPolicyAlways
		status := containerStatus(pod, container, pod.Status.InitContainerStatuses, done || !sidecar, now)
		if !sidecar {
			status.Ready = true // of an init container this says that it is done
		}
		statuses = append(statuses, status)
	}
	return statuses
}

// containerStatus returns the status of a container that runs, or that has
// ended well. previous are the statuses so far: a container that ran goes on,
// unless its image changed.
func containerStatus(pod *v1.Pod, container v1.Container, previous []v1.ContainerStatus, ended bool, now time.Time) v1.ContainerStatus {
	started := metav1.NewTime(now)
	id := "simulated://" + string(pod.UID) + "-" + container.Name
	status := v1.ContainerStatus{
		Name:        container.Name,
		Image:       container.Image,
		ImageID:     "simulated://" + container.Image,
		ContainerID: id,
		Ready:       !ended,
		Resources:   container.Resources.DeepCopy(),

		AllocatedResources: container.Resources.Requests.DeepCopy(),
	}
	running := !ended
	status.Started = &running
	if i := slices.IndexFunc(previous, func(s v1.ContainerStatus) bool { return s.Name == container.Name }); i >= 0 {
		before := previous[i]
		status.RestartCount, status.LastTerminationState = before.RestartCount, before.LastTerminationState
		switch {
		case before.State.Terminated != nil && ended:
			status.State = before.State
			return status
		case before.State.Running != nil && before.Image == container.Image:
			started = before.State.Running.StartedAt
		case before.State.Running != nil:
			status.RestartCount++
			status.LastTerminationState = v1.ContainerState{Terminated: terminated(before.State.Running.StartedAt, now, before.ContainerID)}
		}
	}
	if ended {
		status.State.Terminated = terminated(started, now, id)
	} else {
		status.State.Running = &v1.ContainerStateRunning{StartedAt: started}
	}
	return status
}

func terminated(started metav1.Time, now time.Time, id string) *v1.ContainerStateTerminated {
	return &v1.ContainerStateTerminated{Reason: "Completed", StartedAt: started, FinishedAt: metav1.NewTime(now), ContainerID: id}
}

// conditions sets those that a kubelet sets, and leaves the others, such as
// those that readiness gates wait for.
func conditions(pod *v1.Pod, done bool, now time.Time) []v1.PodCondition {
	list := slices.Clone(pod.Status.Conditions)
	set := func(kind v1.PodConditionType, is bool, reason string) {
		condition := v1.PodCondition{
			Type: kind, Status: v1.ConditionFalse, Reason: reason,
			LastTransitionTime: metav1.NewTime(now), ObservedGeneration: pod.Generation,
		}
		if is {
			condition.Status = v1.ConditionTrue
		}
		i := slices.IndexFunc(list, func(c v1.PodCondition) bool { return c.Type == kind })
		if i < 0 {
			list = append(list, condition)
			return
		}
		if list[i].Status == condition.Status {
			condition.LastTransitionTime = list[i].LastTransitionTime
		}
		list[i] = condition
	}
	completed := ""
	if done {
		completed = "PodCompleted"
	}
	set(v1.PodReadyToStartContainers, !done, "")
	set(v1.PodInitialized, true, completed)
	set(v1.ContainersReady, !done, completed)
	switch {
	case done:
		set(v1.PodReady, false, completed)
	case !gatesOpen(pod):
		set(v1.PodReady, false, "ReadinessGatesNotReady")
	default:
		set(v1.PodReady, true, "")
	}
	set(v1.PodScheduled, true, "")
	return list
}

func gatesOpen(pod *v1.Pod) bool {
	for _, gate := range pod.Spec.ReadinessGates {
		open := slices.ContainsFunc(pod.Status.Conditions, func(c v1.PodCondition) bool {
			return c.Type == gate.ConditionType && c.Status == v1.ConditionTrue
		})
		if !open {
			return false
		}
	}
	return true
}
