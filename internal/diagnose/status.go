package diagnose

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/facts"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/graph"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// doubt is the confidence below which a verdict would be a guess.
const doubt = 0.1

// leastCause is how likely a cause a fact must be for it to be named: that requests
// fail is what is to be explained, not what explains.
const leastCause = 0.2

// status is an incident as people and programs get it.
func status(in *graph.Incident, now time.Time) v1alpha1.IncidentStatus {
	g := in.Graph
	s := v1alpha1.IncidentStatus{
		Severity: in.Severity, Opened: stamp(in.Since()),
		Candidates: []v1alpha1.Cause{}, Chain: []v1alpha1.Link{}, RuledOut: []v1alpha1.RuledOut{}, NextSteps: []v1alpha1.Step{},
		BlastRadius: blast(in.Blast()),
	}
	for _, c := range in.Candidates {
		s.Candidates = append(s.Candidates, cause(&g.Facts[c.Fact], c))
	}
	for _, r := range in.RuledOut {
		f := &g.Facts[r.Fact]
		s.RuledOut = append(s.RuledOut, v1alpha1.RuledOut{Object: f.Object.Ref(), Reason: f.ID, Message: f.Message, Why: r.Why})
	}
	explained := len(in.Candidates) > 0 && s.Candidates[0].Confidence >= doubt && facts.Kinds[s.Candidates[0].Reason].Cause >= leastCause
	if explained {
		s.FirstCause = s.Candidates[0]
		if s.FirstCause.Since == nil && s.Opened != nil {
			s.FirstCause.Since = s.Opened
			s.FirstCause.Evidence = append(s.FirstCause.Evidence, v1alpha1.Evidence{Kind: "time", Message: "when it began is not recorded; the first symptom is of that time", Time: s.Opened})
			s.Candidates[0] = s.FirstCause
		}
		for _, l := range in.Chain() {
			from, to := &g.Facts[l.Edge.Cause], &g.Facts[l.Edge.Effect]
			s.Chain = append(s.Chain, v1alpha1.Link{
				From: from.Object.Ref(), FromReason: from.ID, To: to.Object.Ref(), ToReason: to.ID,
				Relation: string(l.Edge.Rule.Relation), Sentence: l.Sentence, Since: stamp(to.Since),
			})
		}
		s.NextSteps = steps(&g.Facts[in.Candidates[0].Fact])
	} else {
		noCause(in, &s)
	}
	closed := in.Closed()
	s.Closed = stamp(closed)
	s.Conditions = conditions(explained, !closed.IsZero(), s.FirstCause, now)
	return s
}

func cause(f *facts.Fact, c graph.Candidate) v1alpha1.Cause {
	out := v1alpha1.Cause{Object: f.Object.Ref(), Reason: f.ID, Message: f.Message, Since: stamp(f.Since), Confidence: c.Confidence, Evidence: []v1alpha1.Evidence{}}
	for _, e := range c.Evidence {
		out.Evidence = append(out.Evidence, v1alpha1.Evidence{Kind: e.Kind, Message: e.Message, Weight: e.Weight, Time: stamp(e.Time)})
	}
	return out
}

const maxNames = 20

func blast(b graph.Blast) v1alpha1.BlastRadius {
	cut := func(l []string) []string { return l[:min(len(l), maxNames)] }
	return v1alpha1.BlastRadius{
		Namespaces: cut(b.Namespaces), Nodes: cut(b.Nodes), Workloads: cut(b.Workloads), Services: cut(b.Services),
		NodeCount: len(b.Nodes), WorkloadCount: len(b.Workloads), ServiceCount: len(b.Services), PodCount: len(b.Pods),
	}
}

func steps(f *facts.Fact) []v1alpha1.Step {
	k := facts.Kinds[f.ID]
	fill := strings.NewReplacer("{kind}", strings.ToLower(f.Object.Kind), "{ns}", f.Object.Namespace, "{name}", f.Object.Name, " -n  ", " ")
	out := []v1alpha1.Step{{Text: k.Fix}}
	for n, c := range strings.Split(k.Command, ";") {
		c = fill.Replace(strings.TrimSpace(c))
		if n == 0 {
			out[0].Command = c
			continue
		}
		out = append(out, v1alpha1.Step{Text: "Then:", Command: c})
	}
	return out
}

// noCause says that nothing recorded explains the symptoms, and what would be
// needed to know.
func noCause(in *graph.Incident, s *v1alpha1.IncidentStatus) {
	g := in.Graph
	worst := -1
	for _, i := range in.Facts {
		if h := facts.Kinds[g.Facts[i].ID].Harm; h > 0 && (worst < 0 || h > facts.Kinds[g.Facts[worst].ID].Harm) {
			worst = i
		}
	}
	f := &g.Facts[worst]
	s.FirstCause = v1alpha1.Cause{Reason: v1alpha1.NoCauseRecorded, Evidence: []v1alpha1.Evidence{}, Since: stamp(f.Since),
		Message: "no cause recorded for: " + graph.Name(f.Object) + ": " + f.Message}
	s.NextSteps = needed(f.Object)
}

// needed is what to record in order to know more.
func needed(k model.Key) []v1alpha1.Step {
	if k.Kind == model.KindNode {
		return []v1alpha1.Step{{Text: "To know more, see the node's conditions, events and kubelet log:", Command: "kubectl describe node " + k.Name}}
	}
	ns := ""
	if k.Namespace != "" {
		ns = " -n " + k.Namespace
	}
	return []v1alpha1.Step{
		{Text: "To know more, see its state and events:", Command: "kubectl" + ns + " describe " + strings.ToLower(k.Kind) + " " + k.Name},
		{Text: "and its log, also of the container before:", Command: "kubectl" + ns + " logs " + strings.ToLower(k.Kind) + "/" + k.Name + " --all-containers --previous"},
	}
}

func conditions(explained, closed bool, c v1alpha1.Cause, now time.Time) []metav1.Condition {
	e := metav1.Condition{Type: v1alpha1.ConditionExplained, Status: metav1.ConditionFalse, Reason: c.Reason, Message: c.Message, LastTransitionTime: metav1.Time{Time: now.UTC()}}
	if explained {
		e.Status = metav1.ConditionTrue
	}
	open := metav1.Condition{Type: v1alpha1.ConditionOpen, Status: metav1.ConditionTrue, Reason: "SymptomsLast", LastTransitionTime: metav1.Time{Time: now.UTC()}}
	if closed {
		open.Status, open.Reason = metav1.ConditionFalse, "SymptomsEnded"
	}
	return []metav1.Condition{open, e}
}
