package decide

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// begin marks a node to be emptied, if the mode of the action lets it.
func (d *decider) begin(p *pool, m *member, what, why string) bool {
	mode, held := p.Spec.ScaleDown.Mode, v1alpha1.ConditionScaleDownHeld
	switch what {
	case actRepair:
		mode, held = p.Spec.Repair.Mode, v1alpha1.ConditionRepairHeld
	case actDeletion:
		mode = v1alpha1.ModeAct // somebody deleted the pool
	}
	if mode != v1alpha1.ModeAct {
		m.why = fmt.Sprintf("in mode %s; it would be emptied: %s", mode, why)
		d.advise(mode, "node %s of pool %s would be emptied: %s", m.name(), p.Name, why)
		p.holds(held, "Mode", m.name()+": "+m.why)
		return false
	}
	m.mark, m.state, m.why = &Mark{For: what, Why: why, Since: d.s.Now}, isDraining, why
	d.out.Drain = append(d.out.Drain, Drain{Pool: p.Name, Node: m.node.Name, Mark: *m.mark})
	switch what {
	case actScaleDown:
		p.spend(what, 1)
		p.status.Target = int32(p.have())
	case actRepair:
		p.spend(what, 1)
	}
	return true
}

// goOn empties the nodes that are marked, gives back those that are empty, and lets
// pods on those again that are to stay.
func (d *decider) goOn(p *pool) {
	for _, m := range p.members {
		if m.state == isLost && d.s.Now.Sub(m.node.CreationTimestamp.Time) > time.Minute {
			d.out.Remove = append(d.out.Remove, Removal{Pool: p.Name, Machine: m.machine, Node: m.node.Name, For: actScaleDown, Why: "its machine is gone"})
		}
		if m.state != isDraining {
			continue
		}
		took := d.s.Now.Sub(m.mark.Since)
		if k := d.repairStopped(p, m); k != nil {
			d.release(p, m, "its repair is held now: "+reason(k))
			continue
		}
		m.why = ""
		left := d.evict(p, m)
		if m.why == "" {
			m.why = fmt.Sprintf("for %s: %s; %d pods are left on it", m.mark.For, m.mark.Why, left)
		}
		forced := m.mark.For == actRepair && took > p.Spec.Repair.DrainTimeout.Duration
		switch {
		case m.mark.For == actRepair && m.sick == nil:
			d.release(p, m, "it is well again")
		case left == 0 || forced:
			if !p.Listed {
				m.why = "it is empty, but its provider does not answer"
				continue
			}
			d.out.Remove = append(d.out.Remove, Removal{Pool: p.Name, Machine: m.machine, Node: m.node.Name, For: m.mark.For, Why: m.mark.Why})
			p.removed(m)
			m.state = isDeleting
		case m.mark.For == actScaleDown && p.have() < int(p.Spec.Min):
			d.release(p, m, "the pool would be below its min")
		case m.mark.For == actScaleDown && took > p.Spec.ScaleDown.DrainTimeout.Duration:
			d.memory.Stopped[p.Name] = d.s.Now
			d.release(p, m, fmt.Sprintf("it could not be emptied in %s: %s", p.Spec.ScaleDown.DrainTimeout.Duration, m.why))
		}
	}
}

// repairStopped is the Brake that came on a repair under way, or nil.
func (d *decider) repairStopped(p *pool, m *member) *v1alpha1.Brake {
	if m.mark.For != actRepair {
		return nil
	}
	return d.brakes.hold(p, v1alpha1.ActionRepair, "go on to repair node "+m.name(), ofNode(p.Name, m.name())...)
}

// evict asks the pods of a node to leave and returns how many are left.
func (d *decider) evict(p *pool, m *member) int {
	left := 0
	spent := map[string]int32{}
	for _, pod := range m.pods {
		if finished(pod) || stays(pod) {
			continue
		}
		left++
		if pod.DeletionTimestamp != nil {
			continue
		}
		name := pod.Namespace + "/" + pod.Name
		if k := d.disruption(p, m, pod); k != nil {
			m.why = reason(k)
			held := v1alpha1.ConditionScaleDownHeld
			if m.mark.For == actRepair {
				held = v1alpha1.ConditionRepairHeld
			}
			p.holds(held, "Brake", m.node.Name+" waits: "+m.why)
			continue
		}
		if budget := d.budgets.spend(pod, spent); budget != "" {
			m.why = "the PodDisruptionBudget " + budget + " lets its pod " + name + " not go now"
			continue
		}
		d.out.Evict = append(d.out.Evict, Eviction{Pod: pod, Node: m.node.Name})
	}
	return left
}

func (d *decider) release(p *pool, m *member, why string) {
	d.out.Release = append(d.out.Release, Release{Pool: p.Name, Node: m.node.Name, Why: why})
	state := isReady
	if m.mark.For == actRepair {
		outcome := v1alpha1.OutcomeHelped
		if m.sick != nil {
			state, outcome = isSick, v1alpha1.OutcomeFailed
		}
		p.ended(m.node.Name, outcome)
	}
	m.state, m.mark, m.why = state, nil, why
	delete(d.memory.Unneeded, m.node.Name)
	p.status.Target = max(p.status.Target, int32(p.have()))
}

// budgets are the PodDisruptionBudgets, by namespace.
type budgets map[string][]budget

type budget struct {
	name     string
	selector labels.Selector
	allowed  int32
}

func newBudgets(list []*policyv1.PodDisruptionBudget) budgets {
	b := budgets{}
	for _, p := range list {
		s, err := metav1.LabelSelectorAsSelector(p.Spec.Selector)
		if err != nil { // the API server lets none pass
			continue
		}
		b[p.Namespace] = append(b[p.Namespace], budget{p.Namespace + "/" + p.Name, s, p.Status.DisruptionsAllowed})
	}
	return b
}

// spend takes a pod's eviction from its budgets, less what was spent; it names the
// first that does not allow it.
func (b budgets) spend(pod *corev1.Pod, spent map[string]int32) string {
	var mine []string
	for _, l := range b[pod.Namespace] {
		if !l.selector.Matches(labels.Set(pod.Labels)) {
			continue
		}
		if l.allowed-spent[l.name] <= 0 {
			return l.name
		}
		mine = append(mine, l.name)
	}
	for _, name := range mine {
		spent[name]++
	}
	return ""
}
