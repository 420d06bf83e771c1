package contain

import (
	"fmt"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// limit is the mode that a brake may have: what is beyond a limit is advised only.
func (d *decision) limit(w *want, own *v1alpha1.Brake) (v1alpha1.Mode, string) {
	mode := w.policy.rules[w.action].mode
	if mode != v1alpha1.ModeAct || w.subject == nil || own != nil && own.Holds(d.now) {
		return mode, ""
	}
	begun, holding := 0, 0
	for _, b := range d.brakes {
		if b.Spec.Policy != w.policy.name || !b.Holds(d.now) || b.Spec.Incident == nil {
			continue
		}
		holding++
		if d.now.Sub(b.Status.Since.Time) < time.Minute {
			begun++
		}
	}
	switch {
	case holding >= w.policy.atOnce:
		return v1alpha1.ModeAdvise, fmt.Sprintf(" It is only advised: %d hold already, as many as may at once.", holding)
	case begun >= w.policy.perMinute:
		return v1alpha1.ModeAdvise, fmt.Sprintf(" It is only advised: %d began within a minute, as many as may.", begun)
	}
	return mode, ""
}
