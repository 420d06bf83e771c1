package decide

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

const (
	// maxChecks is how many nodes are tried for removal in one decision, and
	// recheck how old an answer may be.
	maxChecks = 20
	recheck   = 30 * time.Second
)

// scaleDown begins to empty nodes that are not needed, and says of the others why
// they stay.
func (d *decider) scaleDown(p *pool) {
	if p.Ending {
		d.empty(p)
		return
	}
	if d.shrinkToSize(p) {
		return
	}
	pause := d.pauseOfScaleDown(p)
	checks := 0
	for _, m := range p.members {
		if m.state != isReady || m.why != "" {
			continue
		}
		use, is := p.unneeded(m)
		if !is {
			delete(d.memory.Unneeded, m.name())
			delete(d.memory.Why, m.name())
			m.why = use
			continue
		}
		since, known := d.memory.Unneeded[m.name()]
		if !known {
			since = d.s.Now
			d.memory.Unneeded[m.name()] = since
		}
		wait := p.Spec.ScaleDown.UnneededFor.Duration - d.s.Now.Sub(since)
		switch {
		case wait > 0:
			m.why = fmt.Sprintf("%s, for %s: it goes in %s", use, d.s.Now.Sub(since).Round(time.Second), wait.Round(time.Second))
			continue
		case pause != "":
			m.why = use + ", but " + pause
			continue
		case !d.due(m) || checks >= maxChecks:
			m.why = d.memory.Why[m.name()]
			continue
		}
		checks++
		if why := d.tryRemoval(p, m); why != "" {
			m.why = use + ", but " + why
			d.memory.Why[m.name()], d.memory.Checked[m.name()] = m.why, d.s.Now
			continue
		}
		d.begin(p, m, actScaleDown, use)
	}
}

func (d *decider) due(m *member) bool {
	_, known := d.memory.Why[m.name()]
	return !known || d.s.Now.Sub(d.memory.Checked[m.name()]) >= recheck
}

// empty drains all nodes of a pool that is being deleted.
func (d *decider) empty(p *pool) {
	for _, m := range p.members {
		switch m.state {
		case isMaking:
			d.out.Remove = append(d.out.Remove, Removal{Pool: p.Name, Machine: m.machine, For: actDeletion, Why: "its pool is being deleted"})
		case isStarting, isReady, isSick:
			d.begin(p, m, actDeletion, "its pool is being deleted")
		}
	}
}

// shrinkToSize brings a pool down to a size that somebody fixed, or to its max; the
// emptiest nodes go first.
func (d *decider) shrinkToSize(p *pool) (shrinks bool) {
	surplus := p.have() - int(p.status.Target)
	if p.Spec.Nodes == nil {
		surplus = p.have() - int(p.Spec.Max)
	}
	if surplus <= 0 {
		if p.Spec.Nodes != nil {
			for _, m := range p.members {
				if m.state == isReady {
					m.why = fmt.Sprintf("the pool's size is fixed at %d", *p.Spec.Nodes)
				}
			}
		}
		return p.Spec.Nodes != nil
	}
	list := slices.Clone(p.members)
	slices.SortStableFunc(list, func(a, b *member) int { return len(a.pods) - len(b.pods) })
	for _, m := range list {
		if surplus == 0 || m.state != isReady && m.state != isStarting && m.state != isMaking {
			continue
		}
		if m.state == isMaking {
			d.out.Remove = append(d.out.Remove, Removal{Pool: p.Name, Machine: m.machine, For: actScaleDown, Why: "the pool is larger than it is to be"})
			m.state = isDeleting
			surplus--
			continue
		}
		if why := d.roomToDrain(p, m); why != "" {
			m.why = "it is to go, but " + why
			p.holds(v1alpha1.ConditionScaleDownHeld, "Limit", m.name()+": "+m.why)
			continue
		}
		if d.begin(p, m, actScaleDown, "the pool is larger than it is to be") {
			surplus--
		}
	}
	return true
}

// pauseOfScaleDown is why no node of the pool goes now.
func (d *decider) pauseOfScaleDown(p *pool) string {
	rules := p.Spec.ScaleDown
	added := rules.AfterAdd.Duration - d.s.Now.Sub(d.memory.Added[p.Name])
	stopped := rules.AfterFailure.Duration - d.s.Now.Sub(d.memory.Stopped[p.Name])
	switch {
	case d.s.Trouble != "":
		p.holds(v1alpha1.ConditionScaleDownHeld, "Trouble", d.s.Trouble)
		return d.s.Trouble
	case !p.Listed:
		return "its provider does not answer"
	case p.count(isMaking, isStarting)+p.coming > 0:
		return "the pool is growing"
	case added > 0:
		return fmt.Sprintf("a node came a short while ago; it is looked at again in %s", added.Round(time.Second))
	case stopped > 0:
		return fmt.Sprintf("a drain failed a short while ago; it is looked at again in %s", stopped.Round(time.Second))
	}
	return ""
}

// unneeded says how much a node is used, and whether that is little enough.
func (p *pool) unneeded(m *member) (use string, is bool) {
	var cpu, mem int64
	pods := 0
	sum := corev1.ResourceList{} // one for all: this is asked of each pod in each decision
	for _, pod := range m.pods {
		if finished(pod) || stays(pod) {
			continue
		}
		r := resource.PodRequests(pod, resource.PodResourcesOptions{Reuse: sum})
		cpu, mem, pods = cpu+r.Cpu().MilliValue(), mem+r.Memory().Value(), pods+1
	}
	percent := func(used, has int64) int64 {
		if has == 0 {
			return 0
		}
		return used * 100 / has
	}
	a := m.node.Status.Allocatable
	c, r := percent(cpu, a.Cpu().MilliValue()), percent(mem, a.Memory().Value())
	if pods == 0 {
		return "it is empty", true
	}
	use = fmt.Sprintf("its pods ask for %d%% of its cpu and %d%% of its memory", c, r)
	return use, max(c, r) < int64(*p.Spec.ScaleDown.Utilization)
}

// tryRemoval says why a node cannot go; empty if it can. Its pods have places then,
// which the next node does not get.
func (d *decider) tryRemoval(p *pool, m *member) string {
	if why := d.roomToDrain(p, m); why != "" {
		return why
	}
	if why := d.movable(p, m); why != "" {
		return why
	}
	if !d.loaded {
		d.load()
	}
	mark := d.s.Fit.Mark()
	d.s.Fit.Exclude(m.node.Name, true)
	for _, pod := range m.pods {
		if finished(pod) || stays(pod) || pod.DeletionTimestamp != nil {
			continue
		}
		if why := d.move(pod); why != "" {
			d.s.Fit.Revert(mark)
			d.s.Fit.Exclude(m.node.Name, false)
			return why
		}
	}
	return ""
}

func (d *decider) move(pod *corev1.Pod) string {
	if err := d.s.Fit.Take(pod); err != nil {
		return err.Error()
	}
	t, err := d.s.Fit.Try(pod)
	if err != nil {
		return err.Error()
	}
	i, to := t.First(0)
	if i < 0 {
		return "its pod " + pod.Namespace + "/" + pod.Name + " fits no other node"
	}
	if err := t.Place(to); err != nil {
		return err.Error()
	}
	return ""
}

// roomToDrain says which limit keeps a node.
func (d *decider) roomToDrain(p *pool, m *member) string {
	if p.have() <= int(p.Spec.Min) {
		return fmt.Sprintf("the pool is at its min of %d", p.Spec.Min)
	}
	rules := p.Spec.ScaleDown
	draining, withPods := 0, 0
	for _, o := range p.members {
		if o.state == isDraining && o.mark.For != actRepair {
			draining++
			if o.busy() {
				withPods++
			}
		}
	}
	if m.busy() && withPods >= int(*rules.Drains) {
		return fmt.Sprintf("%d nodes with pods are being emptied, of %d at once", withPods, *rules.Drains)
	}
	if n, why := p.room(actScaleDown, rules.Limits, p.have(), draining); n <= 0 {
		return why
	}
	return ""
}

// busy says that a node has pods that must move.
func (m *member) busy() bool {
	return slices.ContainsFunc(m.pods, func(pod *corev1.Pod) bool { return !finished(pod) && !stays(pod) })
}

// movable says which of a node's pods must not be moved, and why.
func (d *decider) movable(p *pool, m *member) string {
	if m.node.Annotations[scaleDownDisabled] == "true" {
		return "it is annotated with " + scaleDownDisabled
	}
	left := map[string]int32{}
	for _, pod := range m.pods {
		if finished(pod) || stays(pod) || pod.DeletionTimestamp != nil {
			continue
		}
		name := pod.Namespace + "/" + pod.Name
		safe := pod.Annotations[safeToEvict]
		switch {
		case safe == "false":
			return "its pod " + name + " is annotated with " + safeToEvict + "=false"
		case safe == "true":
		case len(pod.OwnerReferences) == 0:
			return "its pod " + name + " has no owner that would make it again"
		case hasLocalData(pod) && !p.Spec.ScaleDown.EvictLocalData:
			return "its pod " + name + " has data on the node"
		}
		if k := d.disruption(p, m, pod); k != nil {
			p.holds(v1alpha1.ConditionScaleDownHeld, "Brake", reason(k))
			return reason(k)
		}
		if budget := d.budgets.spend(pod, left); budget != "" {
			return "the PodDisruptionBudget " + budget + " lets its pod " + name + " not go now"
		}
	}
	if k := d.brakes.hold(p, v1alpha1.ActionDisruption, "empty node "+m.node.Name, ofNode(p.Name, m.node.Name)...); k != nil {
		p.holds(v1alpha1.ConditionScaleDownHeld, "Brake", reason(k))
		return reason(k)
	}
	return ""
}

// disruption is the Brake that keeps a pod from being evicted.
func (d *decider) disruption(p *pool, m *member, pod *corev1.Pod) *v1alpha1.Brake {
	owner := d.s.Owner(pod)
	return d.brakes.hold(p, v1alpha1.ActionDisruption, "evict pods of "+refText(owner)+" from node "+m.node.Name, append(ofOwner(owner), ofNode(p.Name, m.node.Name)...)...)
}
