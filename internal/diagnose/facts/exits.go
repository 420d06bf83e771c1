package facts

import (
	"cmp"
	"fmt"
	"slices"
	"syscall"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// exits finds how containers ended.
func exits(m *model.Model, emit func(Fact)) {
	for _, w := range m.Workloads() {
		crashes(m, w, emit) // first: they say more than the same ends otherwise do
		for _, p := range w.Pods {
			for _, c := range p.Statuses() {
				if c.State.Terminated != nil {
					ended(m, w, p, c, c.State.Terminated, emit)
				} else if c.LastTerminationState.Terminated != nil {
					ended(m, w, p, c, c.LastTerminationState.Terminated, emit)
				}
			}
			for _, e := range m.Exits(p.Key) {
				t := &corev1.ContainerStateTerminated{ExitCode: int32(e.Code), Signal: int32(e.Signal), Reason: e.Reason, Message: e.Message}
				t.StartedAt.Time, t.FinishedAt.Time = e.Started, e.Time
				ended(m, w, p, model.ContainerStatus{Name: e.Container, RestartCount: 1}, t, emit)
			}
		}
	}
	for _, o := range m.OOMs() {
		oom(m, o, emit)
	}
}

// lasting says that a container's end still matters: it is down, or it has ended
// again of late. One that came back at once and stayed is over.
func lasting(m *model.Model, p *model.Pod, c model.ContainerStatus, at time.Time) (bool, string) {
	ready, _ := p.Ready()
	switch {
	case p.Ended() && succeededSince(m, p):
		return false, "its Job succeeded at a later attempt"
	case c.State.Waiting != nil || c.State.Terminated != nil && c.State.Terminated.ExitCode != 0:
		return true, ""
	case !ready && !c.Ready:
		return true, ""
	case at.IsZero():
		return false, "the container was started again and has run since"
	case m.Now.Sub(at) < time.Minute:
		return true, "" // too soon to say that it stays up
	case c.RestartCount >= 2 && m.Now.Sub(at) < 15*time.Minute && at.Sub(p.Since()) > 5*time.Minute:
		return true, "" // it ends again and again, and not only at the start
	}
	return false, "the container was started again and has run since"
}

// stopWords is why all containers of a node ended.
var stopWords = map[string]string{
	record.StopAsked:    "somebody stopped the node with all its containers",
	record.StopRebooted: "the machine was rebooted, and all its containers ended with it",
}

// succeededSince says that the Job of a pod got its work done by another pod.
func succeededSince(m *model.Model, p *model.Pod) bool {
	job := model.Controller(p.Object)
	if j := model.Value[batchv1.Job](m, job); j != nil {
		for _, c := range j.Status.Conditions {
			if c.Type == batchv1.JobComplete && c.Status == corev1.ConditionTrue {
				return true
			}
		}
	}
	return job.Kind == model.KindJob && slices.ContainsFunc(p.Workload.Pods, func(o *model.Pod) bool {
		return o.Status.Phase == corev1.PodSucceeded && model.Controller(o.Object) == job
	})
}

func ended(m *model.Model, w *model.Workload, p *model.Pod, c model.ContainerStatus, t *corev1.ContainerStateTerminated, emit func(Fact)) {
	if t.ExitCode == 0 && t.Signal == 0 && t.Reason != "OOMKilled" {
		if t.Reason == "" {
			return // the exit code is not shown
		}
		if c.State.Waiting != nil && c.State.Waiting.Reason == "CrashLoopBackOff" && w.Key.Kind != model.KindJob {
			emit(Fact{ID: "ExitsAtOnce", Object: w.Key, Still: true, Since: t.FinishedAt.Time, Pods: []model.Key{p.Key}, Strength: 0.8,
				Message:  fmt.Sprintf("container %s ends with success and is started again, as if it were a task rather than a service", c.Name),
				Evidence: []Evidence{evidence("exit", "exit code 0, then CrashLoopBackOff", t.FinishedAt.Time)}})
		}
		return
	}
	still, gone := lasting(m, p, c, t.FinishedAt.Time)
	if stop, ok := m.StopOf(p.Spec.NodeName, t.StartedAt.Time, t.FinishedAt.Time); ok {
		still, gone = false, stopWords[stop.Reason]
	}
	f := Fact{Object: w.Key, Still: still, Gone: gone, Since: earliest(t.FinishedAt.Time, firstEnd(m, p)), Pods: []model.Key{p.Key}, Size: float64(c.RestartCount)}
	if !still {
		f.Until = t.FinishedAt.Time
	}
	times := ""
	if c.RestartCount > 1 {
		times = fmt.Sprintf(", %d times", c.RestartCount)
	}
	sig := signalOf(t)
	switch {
	case t.Reason == "OOMKilled":
		f.ID, f.Strength = "OOMKilled", 0.95
		f.Message = fmt.Sprintf("container %s was killed for want of memory%s%s", c.Name, limitText(w, c.Name), times)
	case t.ExitCode == 127 || t.ExitCode == 126 || t.Reason == "ContainerCannotRun" || t.Reason == "StartError":
		f.ID, f.Strength = "CommandFails", 0.9
		f.Message = fmt.Sprintf("container %s cannot be started: %s", c.Name, cmp.Or(clipError(t.Message, 160), fmt.Sprintf("exit code %d", t.ExitCode)))
	case sig == syscall.SIGKILL || sig == syscall.SIGTERM:
		f.ID, f.Strength = "Killed", 0.6
		f.Message = fmt.Sprintf("container %s was ended from outside by %s%s", c.Name, signalName(sig), times)
	case sig != 0:
		f.ID, f.Strength = "CrashedBySignal", 0.93
		f.Message = fmt.Sprintf("container %s crashed on %s%s", c.Name, signalName(sig), times)
	default:
		f.ID, f.Strength = "ContainerExited", 0.85
		f.Message = fmt.Sprintf("container %s ended with exit code %d%s", c.Name, t.ExitCode, times)
	}
	f.Evidence = []Evidence{evidence("exit", fmt.Sprintf("pod %s: container %s, reason %s, exit code %d %s", p.Key.Name, c.Name, t.Reason, t.ExitCode, clipError(t.Message, 200)), t.FinishedAt.Time)}
	emit(f)
}

// firstEnd is when the first of the restarts was, as far as events say.
func firstEnd(m *model.Model, p *model.Pod) time.Time {
	for _, e := range m.Events(p.Key) {
		if e.Reason == "BackOff" && e.Warning {
			return e.First
		}
	}
	return time.Time{}
}

func limitText(w *model.Workload, container string) string {
	spec := w.Spec()
	if spec == nil {
		return ""
	}
	if c := model.Container(spec, container); c != nil {
		if q, ok := c.Resources.Limits[corev1.ResourceMemory]; ok {
			return " (its limit is " + q.String() + ")"
		}
	}
	return ""
}

// signalOf is the signal that ended a container: shells and runtimes give it as
// 128 and the signal's number.
func signalOf(t *corev1.ContainerStateTerminated) syscall.Signal {
	if t.Signal != 0 {
		return syscall.Signal(t.Signal)
	}
	if t.ExitCode > 128 && t.ExitCode < 128+32 {
		return syscall.Signal(t.ExitCode - 128)
	}
	return 0
}

func signalName(s syscall.Signal) string {
	if n, ok := signalNames[s]; ok {
		return n
	}
	return fmt.Sprintf("signal %d", int(s))
}

var signalNames = map[syscall.Signal]string{
	1: "SIGHUP", 2: "SIGINT (interrupt)", 3: "SIGQUIT", 4: "SIGILL (illegal instruction)", 5: "SIGTRAP (a check in it failed, and it aborted itself)",
	6: "SIGABRT (it aborted itself)", 7: "SIGBUS (bad memory access)", 8: "SIGFPE (arithmetic error)", 9: "SIGKILL",
	11: "SIGSEGV (invalid memory access)", 13: "SIGPIPE", 15: "SIGTERM", 24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS (forbidden system call)",
}

func oom(m *model.Model, o model.OOM, emit func(Fact)) {
	if o.Cgroup == "" && o.Node != "" {
		f := Fact{ID: "NodeOutOfMemory", Object: model.Key{Kind: model.KindNode, Name: o.Node}, Still: true, Since: o.Time, Strength: 0.95,
			Message:  fmt.Sprintf("the node's memory ran out; the kernel killed %s", o.Executable),
			Evidence: []Evidence{evidence("exit", "kernel: out of memory on the node, killed "+o.Executable, o.Time)}}
		emit(f)
	}
	p := m.Pod(o.Object)
	if p == nil {
		return
	}
	emit(Fact{ID: "OOMKilled", Object: p.Workload.Key, Still: true, Since: o.Time, Pods: []model.Key{p.Key}, Strength: 0.96,
		Message:  fmt.Sprintf("container %s was killed for want of memory%s", o.Container, limitText(p.Workload, o.Container)),
		Evidence: []Evidence{evidence("exit", "kernel: killed "+o.Executable+" in cgroup "+o.Cgroup, o.Time)}})
}
