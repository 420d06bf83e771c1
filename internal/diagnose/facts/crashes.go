package facts

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// storm is from how many core dumps on they are more than crashes: they fill disks.
const storm = 3

// crashes finds what crashed by the core dumps of a workload's pods.
func crashes(m *model.Model, w *model.Workload, emit func(Fact)) {
	var first model.Core // the earliest with a stack, or the earliest of all
	var since, last time.Time
	var pods []model.Key
	still, gone, count, bytes, least := false, "", 0, int64(0), ""
	for _, p := range w.Pods {
		all := m.Cores(p.Key)
		if len(all) == 0 {
			continue
		}
		pods = append(pods, p.Key)
		if len(all) == model.MaxEach {
			least = "at least " // more are not remembered
		}
		for _, c := range all {
			if first.Time.IsZero() || len(first.Stack) == 0 && len(c.Stack) > 0 {
				first = c
			}
			since = earliest(since, c.Time)
			if c.Time.After(last) {
				last = c.Time
			}
			count += 1 + c.Others
			bytes += c.Bytes
		}
		lasts, over := lasting(m, p, statusOf(p, all[len(all)-1].Container), all[len(all)-1].Time)
		if still = still || lasts; !lasts {
			gone = over
		}
	}
	if count == 0 {
		return
	}
	f := Fact{ID: "CrashedBySignal", Object: w.Key, Still: still, Since: since, Pods: pods, Strength: 0.97, Size: float64(count),
		Message: fmt.Sprintf("container %s (%s) crashed on %s, %s", first.Container, first.Executable, crashSignal(first), least+times(count))}
	if !still {
		f.Until, f.Gone = last, gone
	}
	text := fmt.Sprintf("core dump of %s in container %s: %s", first.Executable, first.Container, crashSignal(first))
	if len(first.Stack) > 0 {
		f.Message += ", in " + where(first.Stack)
		text += "; stack, innermost first: " + strings.Join(telling(first.Stack), ", ")
	}
	f.Evidence = append(f.Evidence, evidence("exit", text, first.Time))
	if said := lastLine(first.Log); said != "" {
		f.Evidence = append(f.Evidence, evidence("log", "the last line before the crash: "+said, first.Time))
	}
	emit(f)
	if count >= storm {
		emit(Fact{ID: "CoreStorm", Object: w.Key, Still: still, Gone: gone, Until: f.Until, Since: since, Pods: pods, Size: float64(bytes), Strength: 0.9,
			Message:  fmt.Sprintf("%s%d core dumps; those that were looked at have %d MB", least, count, bytes>>20),
			Evidence: []Evidence{evidence("exit", fmt.Sprintf("%s%d core dumps by %d pods", least, count, len(pods)), since)}})
	}
}

// crashSignal is the signal with its meaning. To a container's first process the
// kernel does not give SIGABRT; glibc's abort then ends it by a forbidden
// instruction, so that a SIGSEGV in abort is an abort.
func crashSignal(c model.Core) string {
	s := syscall.Signal(c.Signal)
	if names := functions(c.Stack); s == syscall.SIGSEGV && len(names) > 0 && names[0] == "abort" {
		return "SIGSEGV (it aborted itself: to a container's first process SIGABRT comes as this)"
	}
	return signalName(s)
}

// statusOf is the state of a pod's container; without one, of a container that was
// started again.
func statusOf(p *model.Pod, container string) model.ContainerStatus {
	for _, c := range p.Statuses() {
		if c.Name == container {
			return c
		}
	}
	return model.ContainerStatus{Name: container, RestartCount: 1}
}

// functions are the frames' functions, without where in them and in which file they
// are; frames without a name are left out.
func functions(stack []string) []string {
	var out []string
	for _, frame := range stack {
		if i := strings.LastIndex(frame, " ("); i > 0 { // the file
			frame = frame[:i]
		}
		if i := strings.LastIndex(frame, "+0x"); i > 0 {
			frame = frame[:i]
		}
		if strings.HasPrefix(frame, "0x") || strings.HasPrefix(frame, "<") || len(out) > 0 && out[len(out)-1] == frame {
			continue
		}
		out = append(out, frame)
	}
	return out
}

// raising are the functions by which a program ends itself: who called them is what
// one wants to know.
var raising = map[string]bool{
	"raise": true, "gsignal": true, "abort": true, "__pthread_kill_implementation": true, "__pthread_kill_internal": true,
	"pthread_kill": true, "__assert_fail_base": true, "__assert_fail": true,
	"runtime.raise": true, "runtime.dieFromSignal": true, "runtime.sigfwdgo": true, "runtime.sigtrampgo": true, "runtime.sigtramp": true,
	"v8::base::OS::Abort": true, "runtime.crash": true, "runtime.fatalpanic": true, "runtime.gopanic": true,
}

// telling are the functions of a stack that tell something, innermost first.
func telling(stack []string) []string {
	all := functions(stack)
	for i := range all {
		name, _, _ := strings.Cut(all[i], " at ")
		name, _, _ = strings.Cut(name, ".constprop")
		if !raising[name] {
			return all[i:]
		}
	}
	return all
}

// where is the innermost part of a stack in a few words.
func where(stack []string) string {
	const most = 3
	names := telling(stack)
	if len(names) == 0 {
		return "a function without a name"
	}
	return strings.Join(names[:min(len(names), most)], ", called by ")
}

func lastLine(lines []string) string {
	for i := len(lines) - 1; i >= 0; i-- {
		if s := strings.TrimSpace(lines[i]); s != "" {
			return clip(s, 200)
		}
	}
	return ""
}
