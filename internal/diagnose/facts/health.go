package facts

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// health is how a workload's pods fare.
type health struct {
	desired  int // -1 if not known
	ready    int
	bad      []*model.Pod // neither ready nor ended
	missing  int          // pods that should be there and are not
	restarts int32
}

func healthOf(w *model.Workload) health {
	h := health{desired: -1}
	if w.Replicas != nil {
		h.desired = int(*w.Replicas)
	}
	alive := 0
	for _, p := range w.Pods {
		if p.Ended() || p.DeletionTimestamp != nil {
			continue
		}
		alive++
		if ready, known := p.Ready(); ready {
			h.ready++
		} else if known || p.Status.Phase != corev1.PodRunning {
			h.bad = append(h.bad, p)
		}
		for _, c := range p.Status.ContainerStatuses {
			h.restarts = max(h.restarts, c.RestartCount)
		}
	}
	switch {
	case h.desired < 0 || w.Key.Kind == model.KindJob || w.Key.Kind == model.KindCronJob:
	case alive < h.desired && (len(w.Pods) > 0 || w.Object == nil):
		h.missing = h.desired - alive
	case alive < h.desired && int(w.Ready) < h.desired:
		h.missing = h.desired - max(int(w.Ready), alive)
	}
	return h
}

// fine says that the workload has all that it should have.
func (h health) fine() bool { return len(h.bad) == 0 && h.missing == 0 }

// since is when the eldest of the pods that are not well began, which may be when
// it was made or when it ceased to be ready.
func sinceBad(pods []*model.Pod) time.Time {
	var t time.Time
	for _, p := range pods {
		at := p.Since()
		if c := p.Condition(corev1.PodReady); c != nil && c.LastTransitionTime.After(at) {
			at = c.LastTransitionTime.Time
		}
		t = earliest(t, at)
	}
	return t
}

// since is when a pod ceased to be well, or when it was made if it never was.
func since(p *model.Pod) time.Time { return sinceBad([]*model.Pod{p}) }

func keys(pods []*model.Pod) []model.Key {
	out := make([]model.Key, 0, len(pods))
	for _, p := range pods {
		out = append(out, p.Key)
	}
	return out
}

// eventOwner is the workload that an event is about; nil if it is about none.
func eventOwner(m *model.Model, k model.Key) *model.Workload {
	if w := m.Workload(k); w != nil {
		return w
	}
	switch k.Kind {
	case model.KindPod:
		if p := m.Pod(k); p != nil {
			return p.Workload
		}
	case model.KindReplicaSet, model.KindJob:
		for _, w := range m.WorkloadsNamed(model.Stem(k.Name)) {
			if w.Key.Namespace == k.Namespace {
				return w
			}
		}
		if o := m.Get(k); o != nil {
			return m.Workload(model.Controller(o))
		}
	}
	return nil
}

// recent says that an event is of the last minutes that are recorded, or that it
// has come again and again until then.
func recent(m *model.Model, e *model.Event) bool {
	return e.Last.IsZero() || m.Now.IsZero() || m.Now.Sub(e.Last) < 10*time.Minute
}
