package decide

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// keepRepairs is how many ended repairs a status remembers.
const keepRepairs = 20

// relapse is how soon after a repair the next sick node of the pool makes the pause
// longer.
const relapse = time.Hour

// sickness is what is wrong with a node.
type sickness struct {
	reason, message string
	since           time.Time
	// after is how long it must have been so; that of the rule that is due first.
	after time.Duration
}

// sickness finds what is wrong with a member. Several bad conditions are one
// sickness, since the first of them: that a node goes from one to another does not
// start the time anew.
func (p *pool) sickness(m *member) *sickness {
	var s *sickness
	for i := range p.Spec.Repair.Rules {
		rule := &p.Spec.Repair.Rules[i]
		var found *sickness
		if rule.Condition == Registered {
			if !ready(m.node) && !p.wasReady(m.node) {
				found = &sickness{reason: Registered, message: "it has not become Ready", since: m.node.CreationTimestamp.Time}
				if !m.machine.Asked.IsZero() {
					found.since = m.machine.Asked
				}
			}
		} else if c := condition(m.node, corev1.NodeConditionType(rule.Condition)); c != nil && slices.Contains(rule.Status, c.Status) {
			found = &sickness{reason: rule.Condition, message: c.Reason + ": " + c.Message, since: c.LastTransitionTime.Time}
			if rule.Condition == string(corev1.NodeReady) && !p.wasReady(m.node) {
				found = nil // it is starting: that is Registered's
			}
		}
		if found == nil {
			continue
		}
		found.after = rule.After.Duration
		switch {
		case s == nil:
			s = found
		case found.since.Add(found.after).Before(s.since.Add(s.after)):
			found.since = earliest(found.since, s.since)
			s = found
		default:
			s.since = earliest(found.since, s.since)
		}
	}
	return s
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// repair begins to replace sick nodes.
func (d *decider) repair(p *pool) {
	p.settleRepairs()
	unhealthy, registered := p.unhealthy()
	p.status.Unhealthy = int32(unhealthy)
	var due []*member
	for _, m := range p.members {
		if m.sick == nil || m.state == isDraining {
			continue
		}
		if left := m.sick.after - d.s.Now.Sub(m.sick.since); left > 0 {
			if m.state == isSick {
				m.why = fmt.Sprintf("%s (%s) for %s; it is repaired in %s", m.sick.reason, m.sick.message, d.s.Now.Sub(m.sick.since).Round(time.Second), left.Round(time.Second))
			}
			continue
		}
		if m.state == isSick || m.state == isStarting {
			due = append(due, m)
		}
	}
	storm := d.storm(p, unhealthy, registered)
	if len(due) == 0 {
		return
	}
	slices.SortStableFunc(due, func(a, b *member) int { return a.sick.since.Compare(b.sick.since) })
	for _, m := range due {
		if h := d.repairHeld(p, m, storm); h.reason != "" {
			m.why = fmt.Sprintf("%s (%s), but it is not repaired: %s", m.sick.reason, m.sick.message, h.message)
			p.holds(v1alpha1.ConditionRepairHeld, h.reason, h.message)
			continue
		}
		text := m.sick.reason + ": " + m.sick.message
		if !d.begin(p, m, actRepair, text) {
			continue
		}
		p.status.Repairs = append(p.status.Repairs, v1alpha1.Repair{Node: m.name(), Reason: m.sick.reason, Message: m.sick.message,
			Begun: metav1.NewTime(d.s.Now), Outcome: v1alpha1.OutcomePending})
	}
}

// repairHeld is why a sick node is not repaired now.
func (d *decider) repairHeld(p *pool, m *member, storm hold) hold {
	if storm.reason != "" {
		return storm
	}
	if k := d.brakes.hold(p, v1alpha1.ActionRepair, "repair node "+m.name()+" ("+m.sick.reason+")", ofNode(p.Name, m.name())...); k != nil {
		return hold{"Brake", reason(k)}
	}
	if !p.Listed {
		return hold{"Provider", "its provider does not answer"}
	}
	if p.status.RepairFailures > 0 {
		last := p.lastRepair()
		if wait := after(p.Spec.Repair.Backoff, p.status.RepairFailures) - d.s.Now.Sub(last); wait > 0 {
			return hold{"Backoff", fmt.Sprintf("nodes went bad soon after a repair, %d times in a row; again at %s", p.status.RepairFailures, clock(d.s.Now.Add(wait)))}
		}
	}
	total := len(p.members) - p.count(isLost, isFailed, isDeleting)
	if n, why := p.room(actRepair, p.Spec.Repair.Limits, total, p.repairing()); n <= 0 {
		return hold{"Limit", why}
	}
	return hold{}
}

func (p *pool) repairing() int {
	n := 0
	for i := range p.status.Repairs {
		if p.status.Repairs[i].Ended == nil {
			n++
		}
	}
	return n
}

func (p *pool) lastRepair() time.Time {
	var last time.Time
	for i := range p.status.Repairs {
		if t := p.status.Repairs[i].Begun.Time; t.After(last) {
			last = t
		}
	}
	return last
}

// unhealthy counts the registered nodes that are bad, and those whose repair is under
// way: they are missing until the new ones are Ready (OpenShift BZ 1975296: without
// them, a whole cluster could be repaired at once). Nodes that never registered are
// in neither number.
func (p *pool) unhealthy() (bad, registered int) {
	for _, m := range p.members {
		switch m.state {
		case isReady:
			registered++
		case isSick:
			registered, bad = registered+1, bad+1
		case isDraining:
			registered++
		}
	}
	removed := 0
	for i := range p.status.Repairs {
		if r := &p.status.Repairs[i]; r.Ended == nil {
			bad++
			if r.Removed != nil {
				removed++
			}
		}
	}
	return bad, registered + removed
}

// removed notes that a node of a repair was given back.
func (p *pool) removed(m *member) {
	for i := range p.status.Repairs {
		if r := &p.status.Repairs[i]; r.Node == m.name() && r.Ended == nil && r.Removed == nil {
			at := metav1.NewTime(p.now)
			r.Removed = &at
		}
	}
}

// ended ends the repair of a node.
func (p *pool) ended(node string, o v1alpha1.Outcome) {
	for i := range p.status.Repairs {
		if r := &p.status.Repairs[i]; r.Node == node && r.Ended == nil {
			at := metav1.NewTime(p.now)
			r.Ended, r.Outcome = &at, o
		}
	}
}

// settleRepairs ends the repairs whose new nodes have come, or are too late.
func (p *pool) settleRepairs() {
	whole := p.count(isReady, isSick, isDraining) >= int(p.status.Target)
	for i := range p.status.Repairs {
		r := &p.status.Repairs[i]
		if r.Ended != nil || r.Removed == nil {
			continue
		}
		at := metav1.NewTime(p.now)
		switch {
		case whole:
			r.Ended, r.Outcome = &at, v1alpha1.OutcomeHelped
		case p.now.Sub(r.Removed.Time) > p.Spec.ScaleUp.ProvisionTimeout.Duration:
			r.Ended, r.Outcome = &at, v1alpha1.OutcomeFailed
			p.status.RepairFailures++
		}
	}
	p.relapses()
	var open, done []v1alpha1.Repair
	for _, r := range p.status.Repairs {
		if r.Ended == nil {
			open = append(open, r)
		} else {
			done = append(done, r)
		}
	}
	p.status.Repairs = append(done[max(0, len(done)-keepRepairs):], open...)
}

// relapses makes the pause longer if a node that came for a repaired one went bad
// within the hour, and ends it after an hour without, beyond the pause itself.
func (p *pool) relapses() {
	last := p.lastRepair()
	pause := time.Duration(0)
	if p.status.RepairFailures > 0 {
		pause = after(p.Spec.Repair.Backoff, p.status.RepairFailures)
	}
	if last.IsZero() || p.now.Sub(last) > relapse+pause {
		p.status.RepairFailures = 0
		return
	}
	for _, m := range p.members {
		if m.state != isSick || p.memory.Handled["relapse/"+m.name()] != (time.Time{}) {
			continue
		}
		for i := range p.status.Repairs {
			r := &p.status.Repairs[i]
			if r.Removed != nil && !m.node.CreationTimestamp.Time.Before(r.Removed.Time) && p.now.Sub(r.Removed.Time) < relapse {
				p.memory.Handled["relapse/"+m.name()] = p.now
				p.status.RepairFailures++
				break
			}
		}
	}
}
