package model

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// PodState is a pod as far as the diagnosis asks for it, in a third of the memory
// that a whole one takes: most objects of a large cluster are pods.
type PodState struct {
	Name, Namespace   string
	UID               types.UID
	Labels            map[string]string
	OwnerReferences   []metav1.OwnerReference
	CreationTimestamp metav1.Time
	DeletionTimestamp *metav1.Time
	Spec              PodSpec
	Status            PodStatus
}

// PodSpec is what is declared, which pods of one template have in common, and the
// node.
type PodSpec struct {
	*corev1.PodSpec
	NodeName string
}

// PodStatus leaves out what says that all is well: see telling.
type PodStatus struct {
	Phase                                    corev1.PodPhase
	Reason, Message, PodIP                   string
	StartTime                                *metav1.Time
	Conditions                               []corev1.PodCondition
	InitContainerStatuses, ContainerStatuses []ContainerStatus

	// ready and running are since when a steady pod is ready and its youngest
	// container runs, in nanoseconds; see settle.
	ready, running int64
}

// steadily is how the containers of all steady pods run.
var steadily = &corev1.ContainerStateRunning{}

// settle lets a pod that is ready, and whose containers were never restarted, have
// the same status as its like: of the times that tell them apart, those that are
// asked for are kept elsewhere.
func (p *PodState) settle() {
	s := &p.Status
	ready := slices.IndexFunc(s.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady })
	if ready < 0 || s.Conditions[ready].Status != corev1.ConditionTrue || s.Conditions[ready].LastTransitionTime.IsZero() {
		return
	}
	var last time.Time
	for _, c := range s.ContainerStatuses {
		r := c.State.Running
		if !c.Ready || c.RestartCount > 0 || r == nil || r.StartedAt.IsZero() || c.LastTerminationState.Terminated != nil {
			return
		}
		last = later(last, r.StartedAt.Time)
	}
	if last.IsZero() {
		return
	}
	s.ready, s.running = s.Conditions[ready].LastTransitionTime.UnixNano(), last.UnixNano()
	for i := range s.ContainerStatuses {
		s.ContainerStatuses[i].State.Running = steadily
	}
	if s.Conditions = slices.Delete(s.Conditions, ready, ready+1); len(s.Conditions) == 0 {
		s.Conditions = nil
	}
}

// Started is when the youngest of the containers that run was started.
func (p *PodState) Started() time.Time {
	var t time.Time
	if p.Status.running != 0 {
		t = time.Unix(0, p.Status.running)
	}
	for _, c := range p.Status.ContainerStatuses {
		if r := c.State.Running; r != nil && r.StartedAt.After(t) {
			t = r.StartedAt.Time
		}
	}
	return t
}

// readyCondition is the condition that settle has taken out; nil if it has not.
func (s *PodStatus) readyCondition() *corev1.PodCondition {
	if s.ready == 0 {
		return nil
	}
	return &corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Unix(0, s.ready)}
}

// ContainerStatus is how a container is, and how it was before.
type ContainerStatus struct {
	Name, Image          string
	Ready                bool
	RestartCount         int32
	State                corev1.ContainerState
	LastTerminationState struct {
		Terminated *corev1.ContainerStateTerminated
	}
}

// The methods of APIObject.

func (p *PodState) GetName() string                             { return p.Name }
func (p *PodState) GetNamespace() string                        { return p.Namespace }
func (p *PodState) GetUID() types.UID                           { return p.UID }
func (p *PodState) GetLabels() map[string]string                { return p.Labels }
func (p *PodState) GetCreationTimestamp() metav1.Time           { return p.CreationTimestamp }
func (p *PodState) GetDeletionTimestamp() *metav1.Time          { return p.DeletionTimestamp }
func (p *PodState) GetFinalizers() []string                     { return nil } // nobody asks for those of pods
func (p *PodState) GetOwnerReferences() []metav1.OwnerReference { return p.OwnerReferences }

// brief keeps of a pod what is asked for. It takes the pod's parts over.
func brief(p *corev1.Pod, same *interned) *PodState {
	s := &p.Status
	out := &PodState{
		Name: p.Name, Namespace: same.of(p.Namespace), UID: p.UID, Labels: p.Labels, OwnerReferences: p.OwnerReferences,
		CreationTimestamp: p.CreationTimestamp, DeletionTimestamp: p.DeletionTimestamp,
		Spec: PodSpec{NodeName: same.of(p.Spec.NodeName)},
		Status: PodStatus{
			Phase: corev1.PodPhase(same.of(string(s.Phase))), Reason: same.of(s.Reason), Message: s.Message, PodIP: s.PodIP, StartTime: s.StartTime,
			InitContainerStatuses: briefStatuses(s.InitContainerStatuses, same), ContainerStatuses: briefStatuses(s.ContainerStatuses, same),
		},
	}
	kept := 0
	for _, c := range s.Conditions {
		if telling(c, out.Spec.NodeName) {
			kept++
		}
	}
	if kept > 0 {
		out.Status.Conditions = make([]corev1.PodCondition, 0, kept)
	}
	for _, c := range s.Conditions {
		if telling(c, out.Spec.NodeName) {
			c.Type, c.Status, c.Reason = corev1.PodConditionType(same.of(string(c.Type))), corev1.ConditionStatus(same.of(string(c.Status))), same.of(c.Reason)
			out.Status.Conditions = append(out.Status.Conditions, c)
		}
	}
	if !out.CreationTimestamp.IsZero() {
		out.Status.StartTime = nil // it is asked for instead
	}
	out.settle()
	spec := p.Spec // a copy, so that the rest of the pod can go
	spec.NodeName = ""
	out.Spec.PodSpec = &spec
	return out
}

// telling says whether a condition tells more than the containers' states and the
// node do: of the five that a pod has, mostly one.
func telling(c corev1.PodCondition, node string) bool {
	switch c.Type {
	case corev1.PodInitialized, corev1.ContainersReady, corev1.PodReadyToStartContainers:
		return c.Status != corev1.ConditionTrue
	case corev1.PodScheduled:
		return c.Status != corev1.ConditionTrue || node == ""
	}
	return true
}

func briefStatuses(all []corev1.ContainerStatus, same *interned) []ContainerStatus {
	if len(all) == 0 {
		return nil
	}
	out := make([]ContainerStatus, len(all))
	for i, c := range all {
		out[i] = ContainerStatus{Name: same.of(c.Name), Image: same.of(c.Image), Ready: c.Ready, RestartCount: c.RestartCount, State: c.State}
		out[i].LastTerminationState.Terminated = c.LastTerminationState.Terminated
	}
	return out
}

// whole is the pod of the API that says the same.
func (p *PodState) whole() *corev1.Pod {
	out := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: p.Name, Namespace: p.Namespace, UID: p.UID, Labels: p.Labels, OwnerReferences: p.OwnerReferences,
		CreationTimestamp: p.CreationTimestamp, DeletionTimestamp: p.DeletionTimestamp,
	}}
	out.Spec = *p.Spec.PodSpec
	out.Spec.NodeName = p.Spec.NodeName
	s := &p.Status
	out.Status = corev1.PodStatus{Phase: s.Phase, Reason: s.Reason, Message: s.Message, PodIP: s.PodIP, StartTime: s.StartTime, Conditions: s.Conditions,
		InitContainerStatuses: wholeStatuses(s.InitContainerStatuses), ContainerStatuses: wholeStatuses(s.ContainerStatuses)}
	if c := s.readyCondition(); c != nil {
		out.Status.Conditions = append(slices.Clone(s.Conditions), *c)
		for i := range out.Status.ContainerStatuses {
			out.Status.ContainerStatuses[i].State.Running = &corev1.ContainerStateRunning{StartedAt: metav1.Unix(0, s.running)}
		}
	}
	return out
}

func wholeStatuses(all []ContainerStatus) []corev1.ContainerStatus {
	out := make([]corev1.ContainerStatus, len(all))
	for i, c := range all {
		out[i] = corev1.ContainerStatus{Name: c.Name, Image: c.Image, Ready: c.Ready, RestartCount: c.RestartCount, State: c.State}
		out[i].LastTerminationState.Terminated = c.LastTerminationState.Terminated
	}
	return out
}

// samePlace says whether two states of a pod have the same relations to other
// objects: it has the same owner and labels, and is in the same place.
func (p *PodState) samePlace(o *PodState) bool {
	return p.Spec.NodeName == o.Spec.NodeName && p.Status.PodIP == o.Status.PodIP && p.Spec.HostNetwork == o.Spec.HostNetwork &&
		sameLabels(p.Labels, o.Labels) && sameOwners(p.OwnerReferences, o.OwnerReferences)
}
