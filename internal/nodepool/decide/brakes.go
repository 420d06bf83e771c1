package decide

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// brakes looks holds up by what they hold.
type brakes struct {
	active map[v1alpha1.Action]map[v1alpha1.ObjectRef][]*v1alpha1.Brake
	s      *State
	held   map[Held]bool
}

func newBrakes(s *State) *brakes {
	b := &brakes{active: map[v1alpha1.Action]map[v1alpha1.ObjectRef][]*v1alpha1.Brake{}, s: s, held: map[Held]bool{}}
	for i := range s.Brakes {
		k := &s.Brakes[i]
		if !k.Active(s.Now) {
			continue
		}
		if b.active[k.Spec.Action] == nil {
			b.active[k.Spec.Action] = map[v1alpha1.ObjectRef][]*v1alpha1.Brake{}
		}
		target := k.Spec.Target
		b.active[k.Spec.Action][target] = append(b.active[k.Spec.Action][target], k)
	}
	return b
}

// hold gives the Brake that holds an action on one of the targets, or on everything;
// nil if none does. What it would do is counted for each that is active.
func (b *brakes) hold(p *pool, action v1alpha1.Action, would string, targets ...v1alpha1.ObjectRef) *v1alpha1.Brake {
	byTarget := b.active[action]
	if len(byTarget) == 0 || p != nil && p.Spec.Brakes == v1alpha1.BrakesIgnore {
		return nil
	}
	var holds *v1alpha1.Brake
	for _, t := range append(targets, v1alpha1.ObjectRef{}) {
		for _, k := range byTarget[t] {
			acts := k.Holds(b.s.Now)
			b.held[Held{Brake: k.Name, Action: would, Acts: acts}] = true
			if acts && holds == nil {
				holds = k
			}
		}
	}
	return holds
}

// list is what was held, in a stable order.
func (b *brakes) list() []Held {
	var out []Held
	for h := range b.held {
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b Held) int { return cmp.Or(cmp.Compare(a.Brake, b.Brake), cmp.Compare(a.Action, b.Action)) })
	return out
}

// ofOwner are the targets that stand for a workload.
func ofOwner(o v1alpha1.ObjectRef) []v1alpha1.ObjectRef {
	if o.Namespace == "" {
		return []v1alpha1.ObjectRef{o}
	}
	return []v1alpha1.ObjectRef{o, {Kind: "Namespace", Name: o.Namespace}}
}

func ofNode(pool, node string) []v1alpha1.ObjectRef {
	return []v1alpha1.ObjectRef{{Kind: "Node", Name: node}, {Kind: "NodePool", Name: pool}}
}

// reason says a Brake in words.
func reason(k *v1alpha1.Brake) string {
	text := fmt.Sprintf("Brake %s (%s, by %s, until %s)", k.Name, k.Spec.Reason, k.Spec.RequestedBy, clock(k.Spec.Until.Time))
	if k.Spec.Message != "" {
		text += ": " + k.Spec.Message
	}
	return text
}
