package facts

import (
	"fmt"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// parts are those of the control plane that run as pods of their name. Of some only
// one works at a time: it holds the lease of its name.
var parts = map[string]struct {
	id, text string
	leased   bool
}{
	"kube-scheduler":          {"SchedulerDown", "the scheduler does not work: pods are given no node", true},
	"kube-controller-manager": {"ControllerManagerDown", "the controller manager does not work: nothing that is declared is made", true},
	"kube-apiserver":          {"APIServerDown", "the API server does not work", false},
}

// controlPlaneParts finds parts of which no pod is ready, or whose lease runs out.
func controlPlaneParts(m *model.Model, emit func(Fact)) {
	pods := map[string][]*model.Pod{}
	ready := map[string]bool{}
	for _, p := range m.Pods() {
		name := partOf(p)
		if name == "" || p.Ended() {
			continue
		}
		is, known := p.Ready()
		pods[name] = append(pods[name], p)
		ready[name] = ready[name] || is || !known
	}
	for name, part := range parts {
		if all := pods[name]; len(all) > 0 && !ready[name] {
			emit(Fact{ID: part.id, Object: all[0].Workload.Key, Still: true, Since: sinceBad(all), Pods: keys(all), Message: part.text,
				Evidence: []Evidence{evidence("state", "pod "+all[0].Key.Name+" "+phrase(all[0]), m.Now)}})
		}
		if part.leased {
			unrenewed(m, name, part.id, part.text, emit)
		}
	}
}

// partOf is the part that a pod of the control plane is.
func partOf(p *model.Pod) string {
	if p.Key.Namespace != "kube-system" {
		return ""
	}
	for name := range parts {
		if strings.HasPrefix(p.Key.Name, name+"-") {
			return name
		}
	}
	return ""
}

// unrenewed finds a lease that its holder has not renewed for long. It is compared
// with the time at which the lease was seen.
func unrenewed(m *model.Model, name, id, text string, emit func(Fact)) {
	o := m.Get(model.Key{Kind: model.KindLease, Namespace: "kube-system", Name: name})
	if o == nil {
		return
	}
	l, ok := o.Value.(*coordinationv1.Lease)
	if !ok || l.Spec.RenewTime == nil || l.Spec.LeaseDurationSeconds == nil {
		return
	}
	silent := o.Seen.Sub(l.Spec.RenewTime.Time)
	if silent < time.Minute || silent < 4*time.Duration(*l.Spec.LeaseDurationSeconds)*time.Second {
		return
	}
	emit(Fact{ID: id, Object: model.Key{Kind: "Component", Name: name}, Still: true, Since: l.Spec.RenewTime.Time, Message: text,
		Evidence: []Evidence{evidence("state", fmt.Sprintf("its lease of %d s has not been renewed for %s", *l.Spec.LeaseDurationSeconds, silent.Round(time.Second)), l.Spec.RenewTime.Time)}})
}
