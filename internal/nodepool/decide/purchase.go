package decide

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// buy adds machines to a pool, if its mode lets it.
func (d *decider) buy(p *pool, names []string, why string) {
	p.coming += len(names)
	if p.Spec.ScaleUp.Mode != v1alpha1.ModeAct {
		d.advise(p.Spec.ScaleUp.Mode, "pool %s would grow by %d: %s", p.Name, len(names), why)
		p.holds(v1alpha1.ConditionScaleUpHeld, "Mode", fmt.Sprintf("in mode %s: it would grow by %d: %s", p.Spec.ScaleUp.Mode, len(names), why))
		return
	}
	p.spend(actScaleUp, len(names))
	// A node that is drained for repair leaves: what its pods buy now is what takes
	// its place.
	p.status.Target = max(p.status.Target, int32(p.have()-p.replacing()))
	d.out.Buy = append(d.out.Buy, Purchase{Pool: p.Name, Names: names, Why: why})
}

// replenish buys what a pool lacks of its min, of a size that was fixed, and of nodes
// that were repaired or lost.
func (d *decider) replenish(p *pool) {
	p.status.Target = d.target(p)
	lack := int(p.status.Target) - p.have()
	if lack <= 0 || p.Ending || !p.Listed {
		return
	}
	if p.status.NotBefore != nil && d.s.Now.Before(p.status.NotBefore.Time) {
		p.holds(v1alpha1.ConditionScaleUpHeld, "Backoff", fmt.Sprintf("%d nodes are missing; its provider made no machines (%s); again at %s",
			lack, p.Refused, clock(p.status.NotBefore.Time)))
		return
	}
	pool := v1alpha1.ObjectRef{Kind: "NodePool", Name: p.Name}
	if k := d.brakes.hold(p, v1alpha1.ActionScaleUp, "bring pool "+p.Name+" to its size", pool); k != nil {
		p.holds(v1alpha1.ConditionScaleUpHeld, "Brake", reason(k))
		return
	}
	room, why := p.room(actScaleUp, p.Spec.ScaleUp.Limits, int(p.Spec.Max), p.count(isMaking, isStarting)+p.coming)
	if room < lack {
		p.holds(v1alpha1.ConditionScaleUpHeld, "Limit", fmt.Sprintf("%d nodes are missing; %s", lack, why))
	}
	n := min(lack, room)
	if n == 0 {
		return
	}
	var names []string
	for range n {
		names = append(names, d.s.Name(p.Name, d.memory.Next))
		d.memory.Next++
	}
	target := p.status.Target
	d.buy(p, names, fmt.Sprintf("it has %d of the %d nodes that it is to have", p.have(), target))
	p.status.Target = target
}

// replacing is how many nodes are drained for repair.
func (p *pool) replacing() int {
	n := 0
	for _, m := range p.members {
		if m.state == isDraining && m.mark.For == actRepair {
			n++
		}
	}
	return n
}

// target is how many nodes a pool is to have, before pods ask for more.
func (d *decider) target(p *pool) int32 {
	want := p.status.Target
	switch {
	case p.Ending:
		return 0
	case p.Spec.Nodes != nil:
		want = *p.Spec.Nodes
	}
	return min(max(want, p.Spec.Min), p.Spec.Max)
}

// refused notes that a provider made no machines: the pool waits, and wants no more
// than it has. Machines that never came make nothing unhealthy (cluster-autoscaler
// #547: a quota that was hit tripped the brake for the whole cluster).
func (d *decider) refused(p *pool) {
	failed := 0
	for _, m := range p.members {
		if m.state == isFailed {
			if key := p.Name + "/" + m.name(); d.memory.Handled[key].IsZero() {
				d.memory.Handled[key] = d.s.Now
				failed++
			}
			d.out.Remove = append(d.out.Remove, Removal{Pool: p.Name, Machine: m.machine, For: actScaleUp, Why: "it failed: " + m.machine.Error})
			if p.Refused == "" {
				p.Refused = m.machine.Error
			}
		}
	}
	news := !p.RefusedAt.IsZero() && p.RefusedAt.After(d.memory.Handled[p.Name])
	if !news && failed == 0 {
		return
	}
	if news {
		d.memory.Handled[p.Name] = p.RefusedAt
		p.failUnmade()
	}
	p.status.Failures++
	until := metav1.NewTime(d.s.Now.Add(after(p.Spec.ScaleUp.Backoff, p.status.Failures)))
	p.status.NotBefore = &until
	p.status.Target = int32(p.have())
}
