package table

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

// restarted is "5" or "5 (3m ago)".
var restarted = lazyregexp.New(`^(\d+)(?: \((\S+) ago\))?`)

// pod reads a row of pods. READY, STATUS and RESTARTS are sums over the pod's
// containers, whose names the table does not have: the statuses have none.
func pod(r view.Row, p *corev1.Pod, v *view.View) {
	p.Spec.NodeName = r.Get("NODE")
	p.Status.NominatedNodeName = r.Get("NOMINATED NODE")
	if ip := r.Get("IP"); ip != "" {
		p.Status.PodIP = ip
		p.Status.PodIPs = []corev1.PodIP{{IP: ip}}
	}
	ready, total := fraction(r.Raw("READY"))
	list := make([]corev1.ContainerStatus, min(total, 100))
	for i := range list {
		list[i].Ready = i < int(ready)
	}
	status := podStatus(r.Raw("STATUS"), p, v)
	// The first container that is not ready is the one that the row is about.
	about := min(max(int(ready), 0), len(list)-1)
	for i := range list {
		if list[i].Ready {
			list[i].State.Running = &corev1.ContainerStateRunning{}
		} else if i == about {
			list[i].State = status
		}
	}
	if m := restarted.FindStringSubmatch(r.Raw("RESTARTS")); m != nil && about >= 0 {
		list[about].RestartCount = view.Int32(m[1])
		v.When(view.ParseAge(m[2]), func(t metav1.Time) {
			if p.Status.ContainerStatuses != nil {
				p.Status.ContainerStatuses[about].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{FinishedAt: t}
			}
		})
	}
	p.Status.ContainerStatuses = list
	if p.Status.Phase == corev1.PodRunning && total > 0 {
		c := corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse}
		if ready == total {
			c.Status = corev1.ConditionTrue
		}
		p.Status.Conditions = []corev1.PodCondition{c}
	}
}

// podStatus reads STATUS, which is the phase or the reason of the container that
// is worst off.
func podStatus(s string, p *corev1.Pod, v *view.View) (c corev1.ContainerState) {
	waiting := func(reason string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
	}
	switch {
	case s == "Running", s == "NotReady":
		p.Status.Phase = corev1.PodRunning
	case s == "Pending", s == "Succeeded", s == "Failed", s == "Unknown":
		p.Status.Phase = corev1.PodPhase(s)
	case s == "Completed":
		p.Status.Phase = corev1.PodSucceeded
		return terminated(s, 0)
	case s == "Terminating":
		v.When(view.Age{Known: true}, func(t metav1.Time) { p.DeletionTimestamp = &t })
	case s == "SchedulingGated":
		p.Status.Phase = corev1.PodPending
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: s}}
	case s == "Evicted", s == "NodeLost", s == "NodeAffinity", s == "Preempting", s == "Shutdown", s == "Terminated", strings.HasPrefix(s, "OutOf"), strings.HasPrefix(s, "UnexpectedAdmission"):
		p.Status.Phase, p.Status.Reason = corev1.PodFailed, s
	case strings.HasPrefix(s, "Init:"):
		p.Status.Phase = corev1.PodPending
		p.Status.InitContainerStatuses = []corev1.ContainerStatus{{State: initState(strings.TrimPrefix(s, "Init:"))}}
		return waiting("PodInitializing")
	case s == "CrashLoopBackOff":
		p.Status.Phase = corev1.PodRunning
		return waiting(s)
	case s == "Error", s == "OOMKilled", s == "DeadlineExceeded", s == "ContainerCannotRun", s == "StartError", s == "ContainerStatusUnknown",
		strings.HasPrefix(s, "ExitCode:"), strings.HasPrefix(s, "Signal:"):
		return ended(s)
	default:
		p.Status.Phase = corev1.PodPending
		return waiting(s)
	}
	return c
}

func initState(s string) corev1.ContainerState {
	switch {
	case strings.Contains(s, "/"):
		return corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	case s == "Error", s == "OOMKilled", strings.HasPrefix(s, "ExitCode:"), strings.HasPrefix(s, "Signal:"):
		return ended(s)
	}
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: s}}
}

func terminated(reason string, code int32) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: reason, ExitCode: code}}
}

// ended reads a reason, ExitCode:1 or Signal:9. The exit code of a bare reason is
// not known, but it is not zero.
func ended(s string) corev1.ContainerState {
	if n, ok := strings.CutPrefix(s, "ExitCode:"); ok {
		return terminated("", view.Int32(n))
	}
	if n, ok := strings.CutPrefix(s, "Signal:"); ok {
		c := terminated("", 0)
		c.Terminated.Signal = view.Int32(n)
		return c
	}
	if s == "OOMKilled" {
		return terminated(s, 137)
	}
	return terminated(s, 1)
}

// fraction reads 1/2.
func fraction(s string) (n, of int32) {
	a, b, _ := strings.Cut(s, "/")
	return view.Int32(a), view.Int32(b)
}
