package facts

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/logline"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
)

type probe struct {
	kind      string // Liveness, Readiness, Startup
	container *corev1.Container
	*corev1.Probe
}

func probesOf(spec *corev1.PodSpec) []probe {
	var out []probe
	for i := range spec.Containers {
		c := &spec.Containers[i]
		for _, p := range []probe{{"Startup", c, c.StartupProbe}, {"Liveness", c, c.LivenessProbe}, {"Readiness", c, c.ReadinessProbe}} {
			if p.Probe != nil {
				out = append(out, p)
			}
		}
	}
	return out
}

// port is the number of the port that a probe asks; 0 if it asks none or one that
// cannot be known.
func (p probe) port() int {
	switch {
	case p.HTTPGet != nil:
		return number(p.container, p.HTTPGet.Port.IntValue(), p.HTTPGet.Port.StrVal)
	case p.TCPSocket != nil:
		return number(p.container, p.TCPSocket.Port.IntValue(), p.TCPSocket.Port.StrVal)
	case p.GRPC != nil:
		return int(p.GRPC.Port)
	}
	return 0
}

func number(c *corev1.Container, n int, name string) int {
	if n != 0 {
		return n
	}
	for _, p := range c.Ports {
		if p.Name == name {
			return int(p.ContainerPort)
		}
	}
	n, _ = strconv.Atoi(name) // 0 if it is a name that no port has
	return n
}

func (p probe) way() string {
	switch {
	case p.HTTPGet != nil:
		return "HTTP"
	case p.GRPC != nil:
		return "gRPC"
	case p.TCPSocket != nil:
		return "TCP"
	}
	return "exec"
}

var probeFailed = lazyregexp.New(`^(Liveness|Readiness|Startup) probe (?:failed|errored)(.*)`)

// failures are a workload's failing probes by kind.
type failures struct {
	count       int
	message     string
	first, last time.Time
	recent      bool
}

func probeFailures(m *model.Model, w *model.Workload) map[string]*failures {
	out := map[string]*failures{}
	for _, p := range w.Pods {
		ready, known := p.Ready()
		for _, e := range m.Events(p.Key) {
			if e.Reason != "Unhealthy" {
				continue
			}
			g := probeFailed.FindStringSubmatch(e.Message)
			if g == nil {
				continue
			}
			f := out[g[1]]
			if f == nil {
				f = &failures{}
				out[g[1]] = f
			}
			f.count += e.Count
			f.message = e.Message
			f.first = earliest(f.first, e.First)
			if e.Last.After(f.last) {
				f.last = e.Last
			}
			f.recent = f.recent || known && !ready || m.Now.Sub(e.Last) < time.Minute
		}
	}
	return out
}

// probes finds probes that ask the wrong thing, and probes that fail.
func probes(m *model.Model, emit func(Fact)) {
	for _, w := range m.Workloads() {
		failed := probeFailures(m, w)
		spec := w.Spec()
		if spec == nil {
			continue
		}
		h := healthOf(w)
		for _, p := range probesOf(spec) {
			f := failed[p.kind]
			broken := f != nil && (!h.fine() || h.restarts > 0 && p.kind != "Readiness")
			wrongProbe(m, w, spec, p, f, broken, h, emit)
		}
		if f := failed["Liveness"]; f != nil && h.restarts > 0 && strings.Contains(f.message, "statuscode: 5") && troubled(m, w) {
			emit(Fact{ID: "LivenessAsksDependency", Object: w.Key, Still: !h.fine() || f.recent, Since: f.first, Strength: 0.6, Gone: "its pods are ready now",
				Message:  "its liveness check answers with an error of its own (" + clip(f.message, 80) + "): it runs, and is killed for what it depends on",
				Evidence: []Evidence{evidence("event", f.message, f.last)}})
		}
		for kind, f := range failed {
			fact := Fact{ID: kind + "ProbeFails", Object: w.Key, Since: f.first, Until: f.last, Size: float64(f.count), Strength: 0.8,
				Message:  fmt.Sprintf("its %s probe fails: %s", strings.ToLower(kind), clip(f.message, 160)),
				Evidence: []Evidence{evidence("event", f.message, f.last)}}
			switch {
			case !h.fine() || h.restarts >= 3 && kind != "Readiness":
				fact.Still, fact.Until = true, time.Time{}
			default:
				fact.Gone = "its pods are ready now: start-up takes a few probes"
			}
			emit(fact)
		}
	}
}

func wrongProbe(m *model.Model, w *model.Workload, spec *corev1.PodSpec, p probe, f *failures, broken bool, h health, emit func(Fact)) {
	base := Fact{Object: w.Key, Still: broken || f == nil, Quiet: !broken, Since: model.Since(w.Object), Strength: 0.93}
	if f != nil {
		base.Since = f.first
		base.Evidence = append(base.Evidence, evidence("event", f.message, f.last))
	}
	if port := p.port(); port != 0 {
		if why := wrongPort(m, w, spec, p, port); why != "" {
			x := base
			x.ID = "ProbeWrongPort"
			x.Message = fmt.Sprintf("the %s probe of container %s asks port %d, %s", strings.ToLower(p.kind), p.container.Name, port, why)
			x.Evidence = append(x.Evidence, evidence("state", x.Message, m.Now))
			if f == nil {
				x.Strength = 0.5
			}
			emit(x)
			return
		}
	}
	if f == nil {
		return
	}
	if why := wrongProtocol(p, spec, f.message); why != "" {
		x := base
		x.ID = "ProbeWrongProtocol"
		x.Message = fmt.Sprintf("the %s probe of container %s asks by %s, %s", strings.ToLower(p.kind), p.container.Name, p.way(), why)
		x.Evidence = append(x.Evidence, evidence("state", x.Message, m.Now))
		emit(x)
		return
	}
	if strings.Contains(f.message, "statuscode: 404") {
		x := base
		x.ID = "ProbeWrongPath"
		path := ""
		if p.HTTPGet != nil {
			path = p.HTTPGet.Path
		}
		x.Message = fmt.Sprintf("the %s probe of container %s asks for %s, which the app does not have (404)", strings.ToLower(p.kind), p.container.Name, path)
		emit(x)
		return
	}
	slow := p.TimeoutSeconds <= 1 && strings.Contains(f.message, "deadline exceeded") || strings.Contains(f.message, "timeout")
	first := p.InitialDelaySeconds + p.PeriodSeconds*max(p.FailureThreshold, 1)
	if p.kind != "Readiness" && h.restarts > 0 && (slow || strings.Contains(f.message, "refused") && (first <= 15 || killedWhileStarting(w, p, first))) {
		x := base
		x.ID, x.Strength = "ProbeTooTight", 0.75
		x.Message = fmt.Sprintf("the %s probe of container %s gives the app %d s to start and %d s to answer, and then kills it", strings.ToLower(p.kind), p.container.Name, first, max(p.TimeoutSeconds, 1))
		emit(x)
	}
}

// shutdown is how long a container may take to end after it was told to.
const shutdown = 30

// killedWhileStarting says that a container without a startup probe has never lived
// longer than its liveness probe lets it, and was ended from outside each time: it
// may well need more time than it gets.
func killedWhileStarting(w *model.Workload, p probe, first int32) bool {
	if p.kind == "Liveness" && p.container.StartupProbe != nil {
		return false
	}
	for _, pod := range w.Pods {
		for _, c := range pod.Statuses() {
			t := c.LastTerminationState.Terminated
			if c.Name != p.container.Name || t == nil || t.StartedAt.IsZero() {
				continue
			}
			sig := signalOf(t)
			lived := t.FinishedAt.Sub(t.StartedAt.Time)
			return (sig == syscall.SIGTERM || sig == syscall.SIGKILL) && c.RestartCount >= 2 &&
				lived >= time.Duration(first-p.PeriodSeconds)*time.Second && lived <= time.Duration(first+p.PeriodSeconds+shutdown)*time.Second
		}
	}
	return false
}

// wrongPort says why a port is not one that the container answers on: it is among
// none of its ports, and the app says that it listens on others.
func wrongPort(m *model.Model, w *model.Workload, spec *corev1.PodSpec, p probe, port int) string {
	var declared []string
	for i := range spec.Containers {
		for _, cp := range spec.Containers[i].Ports {
			if int(cp.ContainerPort) == port {
				return ""
			}
			if spec.Containers[i].Name == p.container.Name {
				declared = append(declared, strconv.Itoa(int(cp.ContainerPort)))
			}
		}
	}
	if len(declared) == 0 {
		return ""
	}
	for _, s := range m.Settings(w) {
		if s.Value == strconv.Itoa(port) || strings.Contains(s.Value, ":"+strconv.Itoa(port)) && s.Name == "args" {
			return ""
		}
	}
	for _, l := range m.LogsOf(w) {
		for _, h := range l.Hits {
			if h.ID == logline.Listening && h.Target == strconv.Itoa(port) {
				return ""
			}
		}
	}
	if spec.HostNetwork || sidecarProbe(port) {
		return ""
	}
	slices.Sort(declared)
	return "but the container's port is " + list(declared)
}

// sidecarProbe says that a mesh has taken a probe over: it asks the sidecar then.
func sidecarProbe(port int) bool { return port == 15020 || port == 15021 }

// wrongProtocol says why a probe speaks another protocol than the port does.
func wrongProtocol(p probe, spec *corev1.PodSpec, message string) string {
	low := strings.ToLower(message)
	switch {
	case p.HTTPGet != nil && strings.Contains(low, "server gave http response to https client"):
		return "with TLS, but the app speaks plain HTTP"
	case p.HTTPGet != nil && (strings.Contains(low, "malformed http") || strings.Contains(low, "http/1.x transport connection broken")):
		return "but the port speaks another protocol"
	case p.HTTPGet != nil && strings.Contains(low, "eof"):
		return "but the app ends such connections at once: the port speaks another protocol"
	case p.HTTPGet != nil && strings.Contains(low, "http request to an https server"):
		return "without TLS, but the app speaks TLS"
	case p.GRPC != nil && (strings.Contains(low, "unimplemented") || strings.Contains(low, "error reading server preface") || strings.Contains(low, "http/1") || strings.Contains(low, "frame")):
		return "but the port does not speak it"
	case p.HTTPGet != nil && strings.Contains(low, "first record does not look like a tls"):
		return "with TLS, but the app speaks plain HTTP"
	}
	for i := range spec.Containers {
		c := &spec.Containers[i]
		if c.Name != p.container.Name {
			continue
		}
		other := siblingWay(c, p)
		if other != "" && other != p.way() && p.way() != "exec" && other != "exec" && p.way() != "TCP" && other != "TCP" {
			return "but another probe of the same port asks by " + other
		}
	}
	return ""
}

// siblingWay is how the container's other probe asks the same port.
func siblingWay(c *corev1.Container, p probe) string {
	for _, o := range []probe{{"Startup", c, c.StartupProbe}, {"Liveness", c, c.LivenessProbe}, {"Readiness", c, c.ReadinessProbe}} {
		if o.Probe != nil && o.kind != p.kind && o.port() == p.port() {
			return o.way()
		}
	}
	return ""
}
