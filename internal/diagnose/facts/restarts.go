package facts

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// restarted finds workloads that were there before, and all of whose pods were
// restarted lately. It is a lead where nothing better is recorded.
func restarted(m *model.Model, emit func(Fact)) {
	for _, w := range m.Workloads() {
		var last time.Time
		all := len(w.Pods) > 0
		for _, p := range w.Pods {
			at := restartOf(p)
			all = all && !at.IsZero() && m.Now.Sub(at) < 20*time.Minute && at.Sub(p.Since()) > time.Minute
			if at.After(last) {
				last = at
			}
		}
		if !all || !healthOf(w).fine() {
			continue
		}
		emit(Fact{ID: "RestartedBefore", Object: w.Key, Still: true, Since: last, Strength: 0.5, Size: float64(len(w.Pods)),
			Message:  fmt.Sprintf("all of its %d pods were restarted, the last at %s", len(w.Pods), last.UTC().Format("15:04:05")),
			Evidence: []Evidence{evidence("state", "restart count and start time of pod "+w.Pods[0].Key.Name, last)}})
	}
}

// restartOf is when a container of the pod was last started anew.
func restartOf(p *model.Pod) time.Time {
	var t time.Time
	for _, c := range p.Status.ContainerStatuses {
		if r := c.State.Running; r != nil && c.RestartCount > 0 && r.StartedAt.After(t) {
			t = r.StartedAt.Time
		}
	}
	return t
}

// tight finds quotas of storage in a namespace where a claim is missing: a claim
// that would go over the quota is not made, and leaves no trace.
func tight(m *model.Model, emit func(Fact)) {
	for _, o := range m.Objects(model.KindQuota) {
		q, ok := o.Value.(*corev1.ResourceQuota)
		if !ok {
			continue
		}
		for name, hard := range q.Status.Hard {
			if name != corev1.ResourceRequestsStorage && name != corev1.ResourcePersistentVolumeClaims {
				continue
			}
			for _, w := range m.Workloads() {
				missing := missingClaim(m, w)
				if w.Key.Namespace != o.Key.Namespace || missing == "" {
					continue
				}
				emit(Fact{ID: "QuotaTight", Object: o.Key, Still: true, Since: model.Since(o), Strength: 0.9,
					About:    []model.Key{w.Key, {Kind: model.KindPVC, Namespace: w.Key.Namespace, Name: missing}},
					Message:  fmt.Sprintf("the namespace may have no more than %s of %s; the claim %s, which is missing, may have been refused for that", hard.String(), name, missing),
					Evidence: []Evidence{evidence("state", fmt.Sprintf("hard limit %s=%s; PersistentVolumeClaim %s does not exist", name, hard.String(), missing), m.Now)}})
			}
		}
	}
}

func missingClaim(m *model.Model, w *model.Workload) string {
	spec := w.Spec()
	if spec == nil || healthOf(w).fine() {
		return ""
	}
	for _, v := range spec.Volumes {
		if c := v.PersistentVolumeClaim; c != nil && m.Absent(model.Key{Kind: model.KindPVC, Namespace: w.Key.Namespace, Name: c.ClaimName}) {
			return c.ClaimName
		}
	}
	return ""
}
