package model

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
)

// fresh is how old an event may be for its object to be taken as still there.
const fresh = 15 * time.Minute

// ghostPods are the pods of which only events are known: people send the events
// alone. They show no more than the events say.
func (m *Model) ghostPods() []*Object {
	var out []*Object
	for k := range m.events {
		if k.Kind != KindPod || m.objects[k] != nil || m.Absent(k) {
			continue
		}
		if p := ghost(m, k); p != nil {
			out = append(out, &Object{Key: k, Detail: record.Columns, Value: brief(p, m.same), First: p.CreationTimestamp.Time, Seen: m.Now})
		}
	}
	slices.SortFunc(out, func(a, b *Object) int { return a.Key.Compare(b.Key) })
	return out
}

var pulls = lazyregexp.New(`(?i)\bpull|image`)

// ghost is a pod as its last events show it; nil if they show no trouble.
func ghost(m *Model, k Key) *corev1.Pod {
	events := slices.Clone(m.Events(k))
	slices.SortStableFunc(events, func(a, b *Event) int { return a.Last.Compare(b.Last) })
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: k.Name, Namespace: k.Namespace}}
	bad := false
	for _, e := range events {
		if p.CreationTimestamp.IsZero() || e.First.Before(p.CreationTimestamp.Time) {
			p.CreationTimestamp.Time = e.First
		}
		if m.Now.Sub(e.Last) > fresh {
			continue
		}
		waiting := func(reason string) {
			bad = true
			p.Status.Phase = corev1.PodPending
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: e.Container, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: e.Message}}}}
			p.Spec.NodeName = nodeUnknown
		}
		switch {
		case e.Reason == "FailedScheduling":
			bad = true
			p.Status.Phase = corev1.PodPending
		case e.Reason == "Scheduled":
			p.Spec.NodeName = nodeUnknown
			bad = false
		case e.Reason == "BackOff" && strings.Contains(e.Message, "restarting"):
			waiting("CrashLoopBackOff")
		case (e.Reason == "Failed" || e.Reason == "BackOff") && pulls.MatchString(e.Message):
			waiting("ImagePullBackOff")
		case e.Reason == "Failed" && e.Warning:
			waiting("CreateContainerError")
		case e.Reason == "FailedMount" || e.Reason == "FailedAttachVolume" || e.Reason == "FailedCreatePodSandBox":
			waiting("ContainerCreating")
		case e.Reason == "Started":
			bad = false
		}
	}
	if !bad {
		return nil
	}
	return p
}

// ghostly lets the index be made anew after an Event of what is known by its Events
// alone.
func (m *Model) ghostly(k Key) {
	if (k.Kind == KindPod || k.Kind == KindNode) && m.objects[k] == nil {
		m.idx = nil
	}
}

// nodeUnknown stands for the node of a pod that has one, which is not recorded.
const nodeUnknown = "?"

// ghostNodes are the nodes of which only events are known, if the last of these
// says that the node is not ready.
func (m *Model) ghostNodes() []*corev1.Node {
	var out []*corev1.Node
	for k := range m.events {
		if k.Kind != KindNode || m.objects[k] != nil {
			continue
		}
		var last *Event
		for _, e := range m.Events(k) {
			if (e.Reason == "NodeNotReady" || e.Reason == "NodeReady") && (last == nil || e.Last.After(last.Last)) {
				last = e
			}
		}
		if last == nil || last.Reason == "NodeReady" {
			continue
		}
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: k.Name}}
		n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionFalse, Message: last.Message, LastTransitionTime: metav1.NewTime(last.First)}}
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b *corev1.Node) int { return strings.Compare(a.Name, b.Name) })
	return out
}
