package decide

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

const (
	// settle is how long the scheduler gets to bind a pod to a node that became
	// Ready.
	settle = time.Minute
	// keepAttempts and maxNames bound what a status remembers.
	keepAttempts, maxNames = 100, 16
)

// workload is what is seen of an owner's pods.
type workload struct {
	ready   bool            // any of them is Ready
	pending bool            // any of them finds no room
	readyOn map[string]bool // nodes on which one is Ready
	bound   map[string]bool // nodes on which one is
}

func workloads(s *State, wanted map[v1alpha1.ObjectRef]bool) map[v1alpha1.ObjectRef]*workload {
	all := map[v1alpha1.ObjectRef]*workload{}
	if len(wanted) == 0 {
		return all
	}
	for _, pod := range s.Pods {
		if finished(pod) {
			continue
		}
		o := s.Owner(pod)
		if !wanted[o] {
			continue
		}
		w := all[o]
		if w == nil {
			w = &workload{readyOn: map[string]bool{}, bound: map[string]bool{}}
			all[o] = w
		}
		if _, is := unschedulable(pod); is {
			w.pending = true
		}
		if pod.Spec.NodeName != "" {
			w.bound[pod.Spec.NodeName] = true
			if podReady(pod) {
				w.ready, w.readyOn[pod.Spec.NodeName] = true, true
			}
		}
	}
	return all
}

// judge finds out what became of purchases, and makes an owner wait longer each time
// that they did not help.
func (p *pool) judge(all map[v1alpha1.ObjectRef]*workload) {
	for i := range p.status.Attempts {
		a := &p.status.Attempts[i]
		if a.Outcome != v1alpha1.OutcomePending {
			continue
		}
		switch outcome := p.outcome(a, all[a.Owner]); outcome {
		case v1alpha1.OutcomePending:
		case v1alpha1.OutcomeHelped:
			a.Outcome, a.Failures, a.NotBefore = outcome, 0, nil
		default:
			a.Outcome = outcome
			a.Failures++
			until := metav1.NewTime(p.now.Add(after(p.Spec.ScaleUp.Backoff, a.Failures)))
			a.NotBefore = &until
		}
	}
	p.status.Attempts = slices.DeleteFunc(p.status.Attempts, func(a v1alpha1.Attempt) bool {
		age := p.now.Sub(a.At.Time)
		return age > 24*time.Hour || a.Outcome == v1alpha1.OutcomeHelped && age > time.Hour && p.now.Sub(a.Since.Time) > time.Hour
	})
	if n := len(p.status.Attempts); n > keepAttempts {
		slices.SortFunc(p.status.Attempts, func(a, b v1alpha1.Attempt) int { return b.At.Compare(a.At.Time) })
		p.status.Attempts = p.status.Attempts[:keepAttempts]
	}
}

func (p *pool) outcome(a *v1alpha1.Attempt, w *workload) v1alpha1.Outcome {
	nodes := p.bought(a)
	anyThere, allSettled, failed := false, true, 0
	for _, m := range nodes {
		switch {
		case m.state == isFailed:
			failed++
			continue
		case m.node == nil || !ready(m.node):
			allSettled = false
			continue
		}
		anyThere = true
		if w != nil && w.readyOn[m.node.Name] {
			return v1alpha1.OutcomeHelped
		}
		if c := condition(m.node, corev1.NodeReady); p.now.Sub(c.LastTransitionTime.Time) < settle {
			allSettled = false
		}
	}
	over := p.now.Sub(a.At.Time) > p.Spec.ScaleUp.ProvisionTimeout.Duration
	switch {
	case w == nil || !w.pending && w.ready && !boundTo(w, nodes):
		return v1alpha1.OutcomeHelped // nobody waits any more: it found room elsewhere, or is gone
	case len(nodes) > 0 && failed == len(nodes), len(nodes) == 0 && over:
		return v1alpha1.OutcomeFailed
	case anyThere && allSettled && w.pending && !boundTo(w, nodes):
		return v1alpha1.OutcomeUseless // the node that came is not the one that was foretold
	case over && anyThere:
		return v1alpha1.OutcomeUseless
	case over:
		return v1alpha1.OutcomeFailed
	}
	return v1alpha1.OutcomePending
}

func boundTo(w *workload, nodes []*member) bool {
	return slices.ContainsFunc(nodes, func(m *member) bool { return m.node != nil && w.bound[m.node.Name] })
}

// bought are the members that an attempt made. A provider that names its nodes
// itself made those that came after it.
func (p *pool) bought(a *v1alpha1.Attempt) []*member {
	var named, later []*member
	for _, m := range p.members {
		switch {
		case slices.Contains(a.Nodes, m.name()):
			named = append(named, m)
		case !p.named() && (m.node == nil || !m.node.CreationTimestamp.Time.Before(a.At.Time)):
			later = append(later, m)
		}
	}
	if len(named) > 0 {
		return named
	}
	return later
}

// named says that machines get the names that they are asked for under.
func (p *pool) named() bool { return p.Spec.Provider.Type != v1alpha1.ProviderExternalGRPC }

// failUnmade ends the purchases that the provider refused.
func (p *pool) failUnmade() {
	for i := range p.status.Attempts {
		a := &p.status.Attempts[i]
		if a.Outcome == v1alpha1.OutcomePending && len(p.bought(a)) == 0 && !a.At.After(p.RefusedAt) {
			a.Outcome = v1alpha1.OutcomeFailed
			a.Failures++
			until := metav1.NewTime(p.now.Add(after(p.Spec.ScaleUp.Backoff, a.Failures)))
			a.NotBefore = &until
		}
	}
}

// record notes a purchase of names, n of which are for an owner.
func (p *pool) record(owner v1alpha1.ObjectRef, names []string, n int) {
	i := slices.IndexFunc(p.status.Attempts, func(a v1alpha1.Attempt) bool { return a.Owner == owner })
	if i < 0 {
		p.status.Attempts = append(p.status.Attempts, v1alpha1.Attempt{Owner: owner})
		i = len(p.status.Attempts) - 1
	}
	a := &p.status.Attempts[i]
	at := metav1.NewTime(p.now)
	if p.now.Sub(a.Since.Time) >= time.Hour {
		a.Since, a.Count = at, 0
	}
	if !a.At.Time.Equal(p.now) {
		a.Nodes = nil
	}
	a.At, a.Count, a.Outcome = at, a.Count+int32(n), v1alpha1.OutcomePending
	a.Nodes = first(append(a.Nodes, names...), maxNames)
}

// mayBuy says whether a node may be bought for an owner, by what became of the last
// ones; budget is how many more.
func (d *decider) mayBuy(p *pool, owner v1alpha1.ObjectRef) (budget int, h hold) {
	budget = int(*p.Spec.ScaleUp.OwnerBudget)
	for _, q := range d.pools {
		for i := range q.status.Attempts {
			a := &q.status.Attempts[i]
			if a.Owner != owner {
				continue
			}
			if d.s.Now.Sub(a.Since.Time) < time.Hour {
				budget -= int(a.Count)
			}
			if a.At.Time.Equal(d.s.Now) && a.Outcome == v1alpha1.OutcomePending { // of this very decision
				continue
			}
			// That machines did not come is one pool's trouble; that they did not help
			// is the owner's.
			if a.NotBefore != nil && d.s.Now.Before(a.NotBefore.Time) && (q == p || a.Outcome != v1alpha1.OutcomeFailed) {
				return 0, hold{"LastDidNotHelp", fmt.Sprintf("%s: the last nodes (%s) %s; again at %s", refText(owner), strings.Join(a.Nodes, ", "),
					map[bool]string{true: "did not come", false: "came, and no pod of it became Ready there"}[a.Outcome == v1alpha1.OutcomeFailed], clock(a.NotBefore.Time))}
			}
			if a.Outcome == v1alpha1.OutcomePending && *p.Spec.ScaleUp.AfterHelp && !d.workloads[owner].isReady() {
				return 0, hold{"LastNotProven", fmt.Sprintf("%s: no pod of it is Ready yet, and none has become so on its last nodes (%s)", refText(owner), strings.Join(a.Nodes, ", "))}
			}
		}
	}
	if budget <= 0 {
		return 0, hold{"OwnerBudget", fmt.Sprintf("%s got %d nodes within an hour, which is its budget", refText(owner), *p.Spec.ScaleUp.OwnerBudget)}
	}
	return budget, hold{}
}

func (w *workload) isReady() bool { return w != nil && w.ready }

func refText(r v1alpha1.ObjectRef) string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}
