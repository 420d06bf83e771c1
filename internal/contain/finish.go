package contain

import (
	"fmt"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// finish ends a brake whose time has come, lets one cool down that nothing calls for
// any more, and forgets one that ended long ago.
func (d *decision) finish(b *v1alpha1.Brake) {
	holding := apimeta.IsStatusConditionTrue(b.Status.Conditions, v1alpha1.ConditionHolding)
	var open bool
	if b.Spec.Incident != nil {
		open = d.open[*b.Spec.Incident] != nil
	}
	switch {
	case b.Spec.Release != nil && holding:
		d.end(b, ReasonReleased, "Released by "+b.Spec.Release.By+".")
	case !b.Active(d.now) && holding && d.wanted[b.Name]:
		d.end(b, ReasonTotalReached, "It has held for as long as the policy allows in total.")
	case !b.Active(d.now) && holding:
		d.end(b, ReasonOver, "Nothing calls for it any more.")
	case holding && !d.wanted[b.Name] && !(open && d.now.Sub(d.memory.called[b.Name]) < lull):
		d.cool(b, open)
	case !holding && !open && d.now.Sub(b.Spec.Until.Time) >= keep:
		d.step(Forget, b, ReasonOver, "")
	}
}

// cool shortens a brake to the cool-down.
func (d *decision) cool(b *v1alpha1.Brake, open bool) {
	until := d.now.Add(d.policyOf(b).coolDown)
	if b.Spec.Incident == nil {
		until = d.now // no policy gives it this compartment any more
	}
	if !until.Before(b.Spec.Until.Time) {
		return
	}
	b.Spec.Until = *stamp(until)
	why := "The pods of the target fail no more"
	if !open {
		why = "The incident is over"
	}
	d.step(Change, b, ReasonIncidentClosed, fmt.Sprintf("%s: it ends at %s.", why, clock(until)))
}

func (d *decision) end(b *v1alpha1.Brake, reason, message string) {
	if b.Spec.Until.After(d.now) {
		b.Spec.Until = *stamp(d.now)
	}
	condition(b, metav1.ConditionFalse, reason, message, d.now)
	d.step(End, b, reason, message)
}

// policyOf is the one that wanted a brake; the built-in one, if it is gone.
func (d *decision) policyOf(b *v1alpha1.Brake) *policy {
	for _, p := range d.policies {
		if p.name == b.Spec.Policy {
			return p
		}
	}
	return d.policies[len(d.policies)-1]
}
