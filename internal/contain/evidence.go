package contain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/facts"
)

// evicted is the reason of pods that their node threw out.
const evicted = "Evicted"

// displaced are the reasons of pods that did not fail but had to go.
var displaced = map[string]bool{evicted: true, "Preempting": true, "NodeLost": true, "NodeShutdown": true, "Shutdown": true, "Terminated": true, "NodeAffinity": true, "UnexpectedAdmissionError": true}

// subject is a workload that an incident names as its first cause, with how it
// fails.
type subject struct {
	view     *View
	incident *v1alpha1.Incident
	policy   *policy
	effects  effects
	w        *Workload
	cause    v1alpha1.Cause
	whose    facts.Whose
	trail    *trail

	failing  []*Pod
	ready    int
	pending  int
	ends     []mark // within the policy's window, not from outside, of the newest revision
	sickened []string
	reached  []string
}

// assess looks at how it fails.
func (s *subject) assess() {
	for _, p := range s.w.Pods {
		switch {
		case p.Pending:
			s.pending++
		case p.Ready:
			s.ready++
		}
		if s.fails(p) {
			s.failing = append(s.failing, p)
		}
	}
	for _, e := range s.trail.ends {
		if !e.Outside && s.current(e.revision) {
			s.ends = append(s.ends, e)
		}
	}
	s.reached = s.trail.reached(s.view)
	if s.effects.hurtsNodes(s.cause.Reason) || s.whose == facts.Revision {
		s.sickened = s.trail.sickened(s.view)
	}
}

// current says that pods of a revision are what the workload's owner wants now. If
// only those of another fail, he is on his way out of it already.
func (s *subject) current(revision string) bool {
	return s.w.Revision == "" || revision == "" || revision == s.w.Revision
}

// fails says that a pod fails by itself.
func (s *subject) fails(p *Pod) bool {
	if !s.current(p.Revision) || p.Pending || p.Failed && displaced[p.FailedReason] {
		return false
	}
	if p.Stuck != "" || p.Failed {
		return true
	}
	n := 0
	for _, e := range p.Ends {
		if !e.Outside && s.view.Now.Sub(e.Time) <= s.policy.window {
			n++
		}
	}
	return n >= 2 || n == 1 && !p.Ready
}

// enough says whether that is more than what happens. A Job or a bare pod gives up
// by itself, and may be meant to fail: only what it does to nodes counts.
func (s *subject) enough() bool {
	if len(s.failing) == 0 {
		return false
	}
	switch s.w.Ref.Kind {
	case "Job", "CronJob", "Pod":
		return len(s.sickened) > 0 || s.w.CoreBytes > s.policy.coreBytes
	}
	switch {
	case s.whose == facts.Declaration:
		return true
	case s.whose == facts.Load && !s.newOnesFail() && len(s.sickened) == 0:
		return false // more pods may help, and have not been tried
	}
	return max(len(s.ends), s.restarts()) >= s.policy.failures
}

// restarts counts those of pods that are young enough for all of them to be recent.
func (s *subject) restarts() int {
	n := 0
	for _, p := range s.failing {
		if s.view.Now.Sub(p.Since) <= s.policy.window {
			n += int(p.Restarts)
		}
	}
	return n
}

// signature is that of most ends, and how many have it.
func (s *subject) signature() (string, int) {
	count := map[string]int{}
	best, most := "", 0
	for _, e := range s.ends {
		if e.Signature == "" {
			continue
		}
		count[e.Signature]++
		if c := count[e.Signature]; c > most || c == most && e.Signature < best {
			best, most = e.Signature, c
		}
	}
	return best, most
}

// newOnesFail says that more pods did not help: of those that came after the failure
// began, one fails.
func (s *subject) newOnesFail() bool {
	began := s.view.Now
	if t := s.cause.Since; t != nil {
		began = t.Time
	}
	for _, e := range s.trail.ends {
		began = earliest(began, e.Time)
	}
	return slices.ContainsFunc(s.failing, func(p *Pod) bool { return p.Since.After(began) })
}

// measure is how it is now.
func (s *subject) measure() *v1alpha1.Measure {
	m := &v1alpha1.Measure{SickNodes: s.view.sick(), FailingPods: int32(len(s.failing)), ReadyPods: int32(s.ready)}
	for _, node := range s.reached {
		for _, p := range s.view.OnNode[node] {
			if p.Owner != s.w && !p.Ready && !p.Failed {
				m.NeighboursDown++
			}
		}
	}
	return m
}

// evidence is why it is held, most telling first.
func (s *subject) evidence() []v1alpha1.Evidence {
	at := func(t time.Time) *metav1.Time {
		if t.IsZero() {
			return nil
		}
		return &metav1.Time{Time: t.UTC().Truncate(time.Second)}
	}
	out := []v1alpha1.Evidence{{Kind: "state", Time: s.cause.Since, Weight: s.cause.Confidence,
		Message: fmt.Sprintf("the first cause of incident %s/%s is %s: %s", s.incident.Namespace, s.incident.Name, s.cause.Reason, s.cause.Message)}}
	if n := len(s.ends); n > 0 {
		out = append(out, v1alpha1.Evidence{Kind: "exit", Time: at(s.ends[n-1].Time),
			Message: fmt.Sprintf("its containers ended badly %s within %s, on %s", times(n), s.policy.window, count(len(s.endNodes()), "node"))})
	}
	if sign, n := s.signature(); n >= 2 {
		out = append(out, v1alpha1.Evidence{Kind: "exit", Message: fmt.Sprintf("%d of them alike: %s", n, sign)})
	}
	for _, n := range s.sickened {
		v := s.trail.visits[n]
		out = append(out, v1alpha1.Evidence{Kind: "reach", Time: at(s.view.Nodes[n].IllSince), Message: fmt.Sprintf("it came to node %s at %s, ended there at %s, and the node is %s since %s",
			n, clock(v.from), clock(v.firstEnd), s.view.Nodes[n].Ill, clock(s.view.Nodes[n].IllSince))})
	}
	return out[:min(len(out), maxEvidence)]
}

const maxEvidence = 12

func (s *subject) endNodes() map[string]bool {
	on := map[string]bool{}
	for _, e := range s.ends {
		if e.node != "" {
			on[e.node] = true
		}
	}
	return on
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// compareRefs orders objects.
func compareRefs(a, b v1alpha1.ObjectRef) int {
	return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
}
