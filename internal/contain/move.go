package contain

import (
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

const (
	// moveEvery is how often one neighbour is moved off, and suffers how long a pod
	// must exist for its not being ready to be no start.
	moveEvery, suffers = 10 * time.Second, time.Minute
	// mostIll is the share of nodes from which on nobody is moved: there is nowhere to
	// go, and more moves would only be more load (as upstream's node lifecycle has it).
	mostIll = 0.55
)

// move moves a pod of another workload off an ill node of a compartment, one at a
// time, if the policy allows it.
func (d *decision) move(b *v1alpha1.Brake) {
	if b.Spec.Action != v1alpha1.ActionSpread || b.Spec.Incident == nil || !b.Holds(d.now) || !d.policyOf(b).moveNeighbours {
		return
	}
	if d.now.Sub(d.memory.moved[b.Name]) < moveEvery || float64(d.view.sick()) >= mostIll*float64(len(d.view.Nodes)) {
		return
	}
	for _, node := range b.Spec.Nodes {
		n := d.view.Nodes[node]
		if n == nil || n.Ill == "" {
			continue
		}
		pods := slices.DeleteFunc(slices.Clone(d.view.OnNode[node]), func(p *Pod) bool {
			return p.Ready || p.Failed || p.Owner.Ref == b.Spec.Target || !movable(p.Owner) || d.now.Sub(p.Since) < suffers || d.active(v1alpha1.ActionDisruption, p.Owner.Ref) != nil
		})
		if len(pods) == 0 {
			continue
		}
		p := slices.MinFunc(pods, func(a, b *Pod) int { return compareRefs(podRef(a), podRef(b)) })
		ref := podRef(p)
		d.memory.moved[b.Name] = d.now
		d.steps = append(d.steps, Step{Verb: Move, Brake: *b.DeepCopy(), Pod: &ref, Reason: ReasonNeighbourSuffers,
			Message: fmt.Sprintf("Pod %s of %s is moved off node %s, which is %s since %s had come.", p.Name, p.Owner.Ref.Words(), node, n.Ill, b.Spec.Target.Words())})
		return
	}
}

func podRef(p *Pod) v1alpha1.ObjectRef {
	return v1alpha1.ObjectRef{Kind: "Pod", Namespace: p.Namespace, Name: p.Name}
}
