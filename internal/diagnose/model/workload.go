package model

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Pod is a pod with what surrounds it.
type Pod struct {
	*PodState
	*Object
	Workload *Workload
}

// Since is when the pod was created or, if that is not known, when it started.
func (p *Pod) Since() time.Time {
	if t := p.CreationTimestamp.Time; !t.IsZero() {
		return t
	}
	if p.Status.StartTime != nil {
		return p.Status.StartTime.Time
	}
	return p.Object.First
}

// Ready says whether the pod is ready; known is false if nothing shows it.
func (p *Pod) Ready() (ready, known bool) {
	if p.Status.ready != 0 {
		return true, true
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue, c.Status != corev1.ConditionUnknown
		}
	}
	if len(p.Status.ContainerStatuses) > 0 {
		for _, c := range p.Status.ContainerStatuses {
			if !c.Ready {
				return false, true
			}
		}
		return true, true
	}
	return false, p.Status.Phase == corev1.PodPending
}

// Placed says that the pod has a node, be it that only the kubelet's word for its
// containers shows it.
func (p *Pod) Placed() bool {
	if p.Spec.NodeName != "" {
		return true
	}
	if c := p.Condition(corev1.PodScheduled); c != nil {
		return c.Status == corev1.ConditionTrue
	}
	for _, c := range p.Statuses() {
		if c.State.Running != nil || c.State.Terminated != nil || c.State.Waiting != nil && c.State.Waiting.Reason != "" {
			return true
		}
	}
	return false
}

// Ended says that the pod has run to its end.
func (p *Pod) Ended() bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// Condition is a condition of the pod, or nil.
func (p *Pod) Condition(t corev1.PodConditionType) *corev1.PodCondition {
	if t == corev1.PodReady && p.Status.ready != 0 {
		return p.Status.readyCondition()
	}
	for i := range p.Status.Conditions {
		if p.Status.Conditions[i].Type == t {
			return &p.Status.Conditions[i]
		}
	}
	return nil
}

// Statuses are those of all containers, the initial ones first.
func (p *Pod) Statuses() []ContainerStatus {
	if len(p.Status.InitContainerStatuses) == 0 {
		return p.Status.ContainerStatuses
	}
	return append(append([]ContainerStatus{}, p.Status.InitContainerStatuses...), p.Status.ContainerStatuses...)
}

// Container is the container of that name, or nil.
func Container(spec *corev1.PodSpec, name string) *corev1.Container {
	for i := range spec.Containers {
		if spec.Containers[i].Name == name {
			return &spec.Containers[i]
		}
	}
	for i := range spec.InitContainers {
		if spec.InitContainers[i].Name == name {
			return &spec.InitContainers[i]
		}
	}
	return nil
}

// Workload is what people deploy: the topmost controller of pods, or a pod that
// has none.
type Workload struct {
	Key    Key
	Object *Object // nil if only its pods are known
	// Replicas is how many pods it should have; nil if that is not known.
	Replicas *int32
	Ready    int32
	// Template is nil if it is not known; then the pods show what they are.
	Template *corev1.PodTemplateSpec
	Selector map[string]string
	Pods     []*Pod
	// Sets are its ReplicaSets or Jobs.
	Sets []Key
}

// Spec is the pods' spec as the workload has it, else as a pod has it, else nil.
func (w *Workload) Spec() *corev1.PodSpec {
	if w.Template != nil && len(w.Template.Spec.Containers) > 0 && (w.Object == nil || w.Object.Shown()) {
		return &w.Template.Spec
	}
	for _, p := range w.Pods {
		if p.Shown() && len(p.Spec.Containers) > 0 {
			return p.Spec.PodSpec
		}
	}
	if w.Template != nil && len(w.Template.Spec.Containers) > 0 {
		return &w.Template.Spec
	}
	return nil
}

// Labels are those of its pods.
func (w *Workload) Labels() map[string]string {
	if w.Template != nil && len(w.Template.Labels) > 0 {
		return w.Template.Labels
	}
	if len(w.Pods) > 0 {
		return w.Pods[0].Labels
	}
	return w.Selector
}

// Namespace is the workload's.
func (w *Workload) Namespace() string { return w.Key.Namespace }

// stem is a name without the parts that controllers add to it.
func stem(pod string) string {
	if head, ok := generated(pod); ok {
		if h, ok := hashed(head); ok {
			return h
		}
		return head
	}
	if i := strings.LastIndexByte(pod, '-'); i > 0 && strings.Trim(pod[i+1:], "0123456789") == "" {
		return pod[:i]
	}
	return pod
}

// generated is a name without the five characters that the API server has added.
func generated(name string) (string, bool) {
	return suffixed(name, 5, 5, func(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' })
}

// hashed is a name without the hash of a template that a Deployment has added.
func hashed(name string) (string, bool) {
	return suffixed(name, 6, 10, func(c byte) bool { return strings.IndexByte("bcdfghjklmnpqrstvwxz2456789", c) >= 0 })
}

// suffixed is what stands before the last dash, if after it are so many characters
// of a kind.
func suffixed(name string, least, most int, is func(byte) bool) (string, bool) {
	i := strings.LastIndexByte(name, '-')
	if n := len(name) - i - 1; i < 1 || n < least || n > most {
		return "", false
	}
	for _, c := range []byte(name[i+1:]) {
		if !is(c) {
			return "", false
		}
	}
	return name[:i], true
}
