package facts

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/logline"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// trends finds what goes wrong slowly, or by the remedy: memory that only grows,
// certificates that have run out, nodes restarted one after the other.
func trends(m *model.Model, emit func(Fact)) {
	leaks(m, emit)
	certificates(m, emit)
	repairs(m, emit)
	for _, w := range m.Workloads() {
		copied(m, w, emit)
		removedAPI(m, w, emit)
	}
	for _, o := range m.Objects(model.KindCronJob) {
		unstarted(m, o, emit)
	}
}

// leaks finds containers whose memory grew in nearly every sample.
func leaks(m *model.Model, emit func(Fact)) {
	m.Growth(func(k model.Key, container string, g model.Growth) {
		p := m.Pod(k)
		if p == nil || g.Samples < 5 || g.Grew*5 < (g.Samples-1)*4 || g.Last < 1.5*g.First {
			return
		}
		emit(Fact{ID: "MemoryLeak", Object: p.Workload.Key, Still: true, Since: g.Began, Strength: 0.8, Pods: []model.Key{k}, Size: g.Last / g.First,
			Quiet:    g.Capacity == 0 || g.Last < 0.9*g.Capacity,
			Message:  fmt.Sprintf("the memory of container %s only grows: from %.0f to %.0f MB in %s", container, g.First/(1<<20), g.Last/(1<<20), g.Ended.Sub(g.Began).Round(time.Minute)),
			Evidence: []Evidence{evidence("state", fmt.Sprintf("it grew in %d of %d samples", g.Grew, g.Samples-1), g.Ended)}})
	})
}

// certificates finds those that cert-manager keeps and that have run out.
func certificates(m *model.Model, emit func(Fact)) {
	for _, o := range m.Objects("Certificate.cert-manager.io") {
		g, ok := o.Value.(*model.Generic)
		if !ok {
			continue
		}
		text, _ := g.Status["notAfter"].(string)
		at, err := time.Parse(time.RFC3339, text)
		if err != nil || at.After(m.Now) {
			continue
		}
		emit(Fact{ID: "CertificateExpired", Object: o.Key, Still: true, Since: at, Strength: 0.95, Message: "it ran out at " + text,
			Evidence: []Evidence{evidence("state", "status.notAfter is "+text, at)}})
	}
}

// repairs finds nodes that were rebooted one after the other within an hour.
func repairs(m *model.Model, emit func(Fact)) {
	var first time.Time
	down, again := false, false
	rebooted := map[string]bool{}
	for _, n := range m.Nodes() {
		for _, e := range m.Events(model.Key{Kind: model.KindNode, Name: n.Name}) {
			if e.Reason == "Rebooted" && m.Now.Sub(e.Last) < time.Hour {
				rebooted[n.Name] = true
				first = earliest(first, e.First)
				again = again || e.Count > 1
			}
		}
		if s, _ := readyStatus(n); s != "" && s != corev1.ConditionTrue {
			down = true
		}
	}
	if !down && !again {
		return // they are back, and were rebooted once: that is maintenance
	}
	if len(rebooted) < 2 || len(rebooted)*5 < len(m.Nodes()) {
		return
	}
	names := sortedNames(rebooted)
	emit(Fact{ID: "RepairStorm", Still: true, Since: first, Strength: 0.8, Size: float64(len(names)),
		Message:  fmt.Sprintf("%d nodes were rebooted within an hour (%s): what is to repair them may keep them down", len(names), list(names)),
		Evidence: []Evidence{evidence("event", "Rebooted: "+list(names), first)}})
}

// copied finds a liveness probe that is the readiness probe again: what should take
// a pod out of a Service for a while kills it.
func copied(m *model.Model, w *model.Workload, emit func(Fact)) {
	spec := w.Spec()
	h := healthOf(w)
	if spec == nil || h.restarts == 0 {
		return
	}
	f := probeFailures(m, w)["Liveness"]
	if f == nil || !f.recent {
		return
	}
	for i := range spec.Containers {
		c := &spec.Containers[i]
		if c.LivenessProbe == nil || c.ReadinessProbe == nil || !equality.Semantic.DeepEqual(c.LivenessProbe, c.ReadinessProbe) {
			continue
		}
		emit(Fact{ID: "LivenessCopiesReadiness", Object: w.Key, Still: true, Since: f.first, Strength: 0.6,
			Message:  "the liveness probe of container " + c.Name + " is its readiness probe again: what should only take it out of service kills it",
			Evidence: []Evidence{evidence("state", "both probes are the same", m.Now), evidence("event", f.message, f.last)}})
	}
}

// removedAPI finds clients of an API that the server no longer has.
func removedAPI(m *model.Model, w *model.Workload, emit func(Fact)) {
	for _, l := range m.LogsOf(w) {
		for _, h := range l.Hits {
			if h.ID != logline.APIRemoved || !h.Late() {
				continue
			}
			emit(Fact{ID: "APIRemoved", Object: w.Key, Still: true, Since: h.First, Strength: 0.85, Message: "it asks for a kind or version that the API server does not have (" + h.Target + ")",
				Evidence: []Evidence{evidence("log", h.Sample, h.First)}})
		}
	}
}

// unstarted finds CronJobs that the controller has given up to start.
func unstarted(m *model.Model, o *model.Object, emit func(Fact)) {
	c, _ := o.Value.(*batchv1.CronJob)
	for _, e := range m.Events(o.Key) {
		if e.Reason != "FailedNeedsStart" && e.Reason != "MissSchedule" {
			continue
		}
		f := Fact{ID: "CronJobMissed", Object: o.Key, Still: recent(m, e), Since: e.First, Until: e.Last, Strength: 0.9, Message: "it is not started any more: its time passed before it could be",
			Evidence: []Evidence{evidence("event", e.Reason+": "+e.Message, e.Last)}}
		if c != nil && e.Count > 1 {
			// Once is chance; again and again without a run since, it has stopped.
			f.Still = c.Status.LastScheduleTime == nil || c.Status.LastScheduleTime.Time.Before(e.Last)
		}
		emit(f)
	}
}
