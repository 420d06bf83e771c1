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
			all = all && !at.IsZero() && m.Now.Sub(at) < time.Hour && at.Sub(p.Since()) > time.Minute
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
		unserved(m, o.Key.Namespace, q, emit)
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

// unserved finds, where a quota of Services is used up, the workloads that have
// ports and no Service while most beside them have one: theirs was refused.
func unserved(m *model.Model, ns string, q *corev1.ResourceQuota, emit func(Fact)) {
	hard, ok := q.Status.Hard[corev1.ResourceServices]
	used := q.Status.Used[corev1.ResourceServices]
	if !ok || hard.IsZero() || used.Cmp(hard) < 0 || !m.Listed(model.KindService, ns) {
		return
	}
	var without []*model.Workload
	with := 0
	for _, w := range m.Workloads() {
		spec := w.Spec()
		if w.Key.Namespace != ns || w.Key.Kind != model.KindDeployment || spec == nil {
			continue
		}
		if declared, _ := containerPorts(spec, 0, ""); len(declared) == 0 {
			continue
		}
		if len(m.ServicesOf(w)) > 0 {
			with++
		} else {
			without = append(without, w)
		}
	}
	if with < 3*len(without) {
		return
	}
	for _, w := range without {
		emit(Fact{ID: "ServiceMissing", Object: model.Key{Kind: model.KindService, Namespace: ns, Name: w.Key.Name}, Still: true, Since: model.Since(w.Object), About: []model.Key{w.Key}, Strength: 0.8,
			Message:  fmt.Sprintf("no Service leads to %s, though it has ports and most others have one", w.Key.Name),
			Evidence: []Evidence{evidence("state", fmt.Sprintf("Services lead to %d Deployments of the namespace, none to %s", with, w.Key.Name), m.Now)}})
	}
}
