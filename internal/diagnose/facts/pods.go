package facts

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// symptoms finds the workloads whose pods are not as they should be.
func symptoms(m *model.Model, emit func(Fact)) {
	for _, w := range m.Workloads() {
		h := healthOf(w)
		if h.missing > 0 {
			emit(Fact{ID: "PodsMissing", Object: w.Key, Still: true, Size: float64(h.missing),
				Since:    model.Since(w.Object),
				Message:  fmt.Sprintf("%d of %d pods were not made", h.missing, h.desired),
				Evidence: []Evidence{evidence("state", fmt.Sprintf("%d pods wanted, %d there", h.desired, h.desired-h.missing), m.Now)}})
		}
		var pending, waiting, restarting []*model.Pod
		for _, p := range h.bad {
			switch {
			case starting(m, p):
			case p.Status.Phase == corev1.PodPending && !p.Placed():
				pending = append(pending, p)
			case restarts(p):
				restarting = append(restarting, p)
			default:
				waiting = append(waiting, p)
			}
		}
		symptom(m, "PodsPending", w, pending, "is on no node", "are on no node", emit)
		symptom(m, "CrashLoop", w, restarting, "is restarted again and again", "are restarted again and again", emit)
		symptom(m, "PodsNotReady", w, waiting, "is not ready", "are not ready", emit)
	}
}

func symptom(m *model.Model, id string, w *model.Workload, pods []*model.Pod, one, many string, emit func(Fact)) {
	if len(pods) == 0 {
		return
	}
	verb := many
	if len(pods) == 1 {
		verb = one
	}
	emit(Fact{ID: id, Object: w.Key, Still: true, Size: float64(len(pods)), Since: sinceBad(pods), Pods: keys(pods),
		Message:  fmt.Sprintf("%d of its %d pods %s", len(pods), len(w.Pods), verb),
		Evidence: []Evidence{evidence("state", "pod "+pods[0].Key.Name+" "+phrase(pods[0]), m.Now)}})
}

// grace is how long a pod may take to start before anybody calls it a failure.
const grace = time.Minute

// starting says that a pod was made just now, and that nothing has gone wrong yet.
func starting(m *model.Model, p *model.Pod) bool {
	made := p.CreationTimestamp.Time
	if made.IsZero() || m.Now.Sub(made) >= grace {
		return false
	}
	for _, c := range p.Statuses() {
		w := c.State.Waiting
		if c.RestartCount > 0 || c.State.Terminated != nil && c.State.Terminated.ExitCode != 0 ||
			w != nil && w.Reason != "" && w.Reason != "ContainerCreating" && w.Reason != "PodInitializing" {
			return false
		}
	}
	for _, e := range m.Events(p.Key) {
		if e.Warning && e.Reason != "Unhealthy" {
			return false
		}
	}
	return true
}

// restarts says that a pod's containers end and are started anew.
func restarts(p *model.Pod) bool {
	for _, c := range p.Statuses() {
		if c.State.Waiting != nil && c.State.Waiting.Reason == "CrashLoopBackOff" {
			return true
		}
		if c.State.Terminated != nil && c.State.Terminated.ExitCode != 0 {
			return true
		}
		if !c.Ready && c.RestartCount >= 2 {
			return true
		}
	}
	return false
}

// phrase is a pod's state in a few words.
func phrase(p *model.Pod) string {
	for _, c := range p.Statuses() {
		if c.State.Waiting != nil && c.State.Waiting.Reason != "" {
			return fmt.Sprintf("waits: container %s %s", c.Name, c.State.Waiting.Reason)
		}
		if t := c.State.Terminated; t != nil && t.ExitCode != 0 {
			return fmt.Sprintf("container %s ended with code %d", c.Name, t.ExitCode)
		}
	}
	if !p.Placed() && p.Status.Phase == corev1.PodPending {
		return "is Pending"
	}
	return "is not ready"
}
