package contain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/facts"
)

// want is a brake that evidence calls for.
type want struct {
	action          v1alpha1.Action
	target          v1alpha1.ObjectRef
	reason, message string
	nodes           []string
	diskBytes       int64
	coreBytes       int64
	rollback        bool

	subject *subject // nil for compartments that are declared
	policy  *policy
}

// The reasons of brakes.
const (
	ReasonFailsByItself  = "FailsByItself"
	ReasonNodeSickened   = "SickenedByWorkload"
	ReasonManySickened   = "ManySickenedByWorkload"
	ReasonConfined       = "Confined"
	ReasonCompartment    = "Compartment"
	ReasonFillsDisks     = "FillsDisks"
	ReasonRevisionFails  = "RevisionFails"
	ReasonFailsAlike     = "FailsAlike"
	ReasonHitByIncident  = "HitByIncident"
	ReasonIncidentClosed = "IncidentClosed"
	ReasonMadeWorse      = "MadeWorse"
	ReasonCauseGone      = "CauseGone"
	ReasonTotalReached   = "TotalReached"
	ReasonOver           = "Over"
	ReasonReleased       = "Released"

	ReasonNeighbourSuffers = "NeighbourSuffers"
)

// wants are the brakes that a subject's failure calls for.
func (s *subject) wants(holding func(v1alpha1.Action) *v1alpha1.Brake) []want {
	var out []want
	for _, f := range []func() []want{
		s.scaleUp, s.repair, s.spread, s.diskUse, s.rollout,
		func() []want { return s.restart(holding(v1alpha1.ActionRestart)) }, s.disruption,
	} {
		for _, w := range f() {
			w.subject, w.policy = s, s.policy
			out = append(out, w)
		}
	}
	return out
}

// scaleUp: pods of an owner that fails for its own reasons do not buy nodes. Where
// more pods may help, the first that came must have failed, too, whatever became of
// nodes.
func (s *subject) scaleUp() []want {
	if s.whose == facts.Load && !s.newOnesFail() {
		return nil
	}
	message := fmt.Sprintf("No replicas are added and no nodes bought for %s: %d of its %d pods fail by themselves, and more would fail alike.", s.w.Ref.Words(), len(s.failing), len(s.w.Pods))
	if s.w.Scaler != "" {
		message += fmt.Sprintf(" That goes for its autoscaler %s, too.", s.w.Scaler)
	}
	return []want{{action: v1alpha1.ActionScaleUp, target: s.w.Ref, reason: ReasonFailsByItself, message: message}}
}

// repair: a node that a workload made ill is not drained and made anew: the workload
// would come to the next, and the new node into the same traffic. From a share of
// all nodes on, none is.
func (s *subject) repair() []want {
	n := len(s.sickened)
	if n == 0 {
		return nil
	}
	if most := atMost(s.policy.nodeShare, len(s.view.Nodes)); n >= 2 && n > most {
		return []want{{action: v1alpha1.ActionRepair, reason: ReasonManySickened,
			message: fmt.Sprintf("No node is repaired: %d of %d nodes (more than the %d that %s allows) fell ill after %s had ended there: %s.", n, len(s.view.Nodes), most, s.policy.nodeShare.String(), s.w.Ref.Words(), list(s.sickened))}}
	}
	var out []want
	for _, node := range s.sickened {
		out = append(out, want{action: v1alpha1.ActionRepair, target: v1alpha1.ObjectRef{Kind: "Node", Name: node}, reason: ReasonNodeSickened,
			message: fmt.Sprintf("Node %s is not repaired: it is %s since %s, after %s had ended there; the workload is to be stopped, not the node.", node, s.view.Nodes[node].Ill, clock(s.view.Nodes[node].IllSince), s.w.Ref.Words())})
	}
	return out
}

const maxListed = 10

func list(names []string) string {
	if len(names) > maxListed {
		return strings.Join(names[:maxListed], ", ") + fmt.Sprintf(" and %d more", len(names)-maxListed)
	}
	return strings.Join(names, ", ")
}

// spread: a workload that can make nodes ill goes to no further ones.
func (s *subject) spread() []want {
	if !s.effects.hurtsNodes(s.cause.Reason) && len(s.sickened) == 0 || !movable(s.w) || s.policy.compartments != nil {
		return nil
	}
	if len(s.reached) == 0 || len(s.reached) >= len(s.view.Nodes) {
		return nil
	}
	message := fmt.Sprintf("New pods of %s go only to the %s that it has reached.", s.w.Ref.Words(), count(len(s.reached), "node"))
	if n := len(s.sickened); n > 0 {
		message += fmt.Sprintf(" %s fell ill after it had come: %s.", count(n, "node"), list(s.sickened))
	}
	return []want{{action: v1alpha1.ActionSpread, target: s.w.Ref, reason: ReasonConfined, message: message, nodes: s.reached}}
}

// movable says that a workload's pods may run on any node.
func movable(w *Workload) bool { return w.Ref.Kind != "DaemonSet" && w.Ref.Kind != "Pod" }

// diskUse: what it writes is bounded before its nodes feel it.
func (s *subject) diskUse() []want {
	cores := s.w.CoreBytes > s.policy.coreBytes
	pressed := slices.ContainsFunc(s.sickened, func(n string) bool { return s.view.Nodes[n].Ill == "DiskPressure" })
	if !cores && !pressed && !s.effects.leads(s.cause.Reason, diskFull) {
		return nil
	}
	message := fmt.Sprintf("Each container of new pods of %s may write %d MiB to its node's disk, unless it says so itself.", s.w.Ref.Words(), s.policy.diskBytes>>20)
	if cores {
		message += fmt.Sprintf(" Its core dumps are %d MiB together, of %d that are allowed.", s.w.CoreBytes>>20, s.policy.coreBytes>>20)
	}
	onEach := max(1, s.policy.coreBytes/int64(max(1, len(s.view.Nodes)))) // together, what the policy allows
	message += fmt.Sprintf(" No more core dumps of it are kept than %d MiB on each node.", onEach>>20)
	return []want{{action: v1alpha1.ActionDiskUse, target: s.w.Ref, reason: ReasonFillsDisks, message: message, diskBytes: s.policy.diskBytes, coreBytes: onEach}}
}

// recent is how long after a new revision came a failure may be its fault.
const recent = 30 * time.Minute

// rollout: a revision whose pods fail, while those of the one before do not, is not
// rolled out further.
func (s *subject) rollout() []want {
	if s.w.Revision == "" || s.view.Now.Sub(s.w.RevisionSince) > recent {
		return nil
	}
	before := 0
	for _, p := range s.w.Pods {
		if p.Revision != "" && p.Revision != s.w.Revision && p.Ready {
			if slices.ContainsFunc(p.Ends, func(e Exit) bool { return !e.Outside && !e.Time.Before(s.w.RevisionSince) }) {
				return nil // it fails in both: the revision is not what is new
			}
			before++
		}
	}
	if before == 0 && s.whose != facts.Revision {
		return nil
	}
	message := fmt.Sprintf("The rollout of %s is paused: %s of its new revision %s fail; %d of the one before are ready.", s.w.Ref.Words(), count(len(s.failing), "pod"), s.w.Revision, before)
	if s.policy.rollback {
		message = strings.Replace(message, "is paused", "is taken back", 1)
	}
	return []want{{action: v1alpha1.ActionRollout, target: s.w.Ref, reason: ReasonRevisionFails, message: message, rollback: s.policy.rollback}}
}

// restart: while all pods end alike and none is ready, one of them is enough to try
// whether the cause has gone.
func (s *subject) restart(held *v1alpha1.Brake) []want {
	if s.whose == facts.Declaration || s.w.Ref.Kind != "Deployment" {
		return nil
	}
	sign, n := s.signature()
	if held == nil && (n < s.policy.failures || s.ready > 0 || s.w.Replicas < 2 || len(s.failing) < 2) {
		return nil
	}
	return []want{{action: v1alpha1.ActionRestart, target: s.w.Ref, reason: ReasonFailsAlike,
		message: fmt.Sprintf("Only one pod of %s is started again, as a probe: none is ready, and all end alike (%s). Once it is ready for %s, or a new revision comes, the others follow.", s.w.Ref.Words(), sign, probeTime)}}
}

// disruption: no pod of a service that is hit is evicted on purpose.
func (s *subject) disruption() []want {
	hit := []v1alpha1.ObjectRef{s.w.Ref}
	for _, n := range s.incident.Status.BlastRadius.Workloads {
		namespace, name, _ := strings.Cut(n, "/")
		for _, kind := range []string{"Deployment", "StatefulSet"} {
			w := s.view.Workloads[v1alpha1.ObjectRef{Kind: kind, Namespace: namespace, Name: name}]
			if w != nil && w != s.w && int32(w.ready()) < w.Replicas && !s.toBeMoved(w) {
				hit = append(hit, w.Ref)
			}
		}
	}
	var out []want
	for _, o := range hit {
		if !movable(s.view.Workloads[o]) {
			continue
		}
		out = append(out, want{action: v1alpha1.ActionDisruption, target: o, reason: ReasonHitByIncident,
			message: fmt.Sprintf("No pod of %s is evicted on purpose while the incident lasts.", o.Words())})
	}
	return out
}

// toBeMoved says that a neighbour's way out is to be moved off an ill node: whoever may
// evict nothing of it would keep it there.
func (s *subject) toBeMoved(w *Workload) bool {
	return s.policy.moveNeighbours && slices.ContainsFunc(w.Pods, func(p *Pod) bool {
		n := s.view.Nodes[p.Node]
		return !p.Ready && n != nil && n.Ill != ""
	})
}

func (w *Workload) ready() int {
	n := 0
	for _, p := range w.Pods {
		if p.Ready {
			n++
		}
	}
	return n
}

// compartments are the nodes that policies give to workloads in advance.
func compartments(v *View, policies []*policy) []want {
	if !slices.ContainsFunc(policies, func(p *policy) bool { return p.compartments != nil }) {
		return nil
	}
	nodes := make([]string, 0, len(v.Nodes))
	for n := range v.Nodes {
		nodes = append(nodes, n)
	}
	all := hashes(nodes)
	var out []want
	for ref, w := range v.Workloads {
		p := of(policies, w)
		if p.compartments == nil || !movable(w) {
			continue
		}
		k := enough(*p.compartments, len(nodes))
		if k >= len(nodes) {
			continue
		}
		shard := shardOf(ref, all, k)
		out = append(out, want{action: v1alpha1.ActionSpread, target: ref, reason: ReasonCompartment, nodes: shard, policy: p,
			message: fmt.Sprintf("Pods of %s have a compartment of %d of %d nodes.", ref.Words(), len(shard), len(nodes))})
	}
	slices.SortFunc(out, func(a, b want) int { return compareRefs(a.target, b.target) })
	return out
}
