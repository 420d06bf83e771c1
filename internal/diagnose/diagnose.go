package diagnose

import (
	"iter"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/facts"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/graph"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Options say what to diagnose.
type Options struct {
	// Now is the time of the verdict; zero is that of the last record. Records
	// after it are left out.
	Now time.Time
	// Focus is the object that the question is about; the zero Ref asks for all.
	Focus record.Ref
	// Since asks also for incidents that are over, if they ended after it; zero asks
	// for those alone that last.
	Since time.Time
}

// Result is the verdict. Its JSON is that of `why -o json`.
type Result struct {
	Incidents []v1alpha1.IncidentStatus `json:"incidents"`

	// LastClosed is the last failure that is over, if one is recorded.
	LastClosed *Closed `json:"-"`
	// Graph is what the verdict was read from.
	Graph *graph.Graph `json:"-"`
	// Now is the time that the verdict is of.
	Now time.Time `json:"-"`
}

// Closed is a failure that is over.
type Closed struct {
	Cause v1alpha1.Cause
	At    time.Time
}

// Diagnose says what failed first, according to the records.
func Diagnose(records iter.Seq[record.Record], o Options) Result {
	m := model.New()
	m.Load(func(yield func(record.Record) bool) {
		for r := range records {
			if !o.Now.IsZero() && r.Time.After(o.Now) {
				continue
			}
			if !yield(r) {
				return
			}
		}
	})
	return Of(m, o)
}

// Of says what failed first in a model; so the model can be kept and added to.
func Of(m *model.Model, o Options) Result {
	if !o.Now.IsZero() {
		m.Now = o.Now
	}
	g := graph.Build(m, facts.Find(m), o.Since)
	out := Result{Graph: g, Now: m.Now, Incidents: []v1alpha1.IncidentStatus{}}
	if i := g.LastClosed(); i >= 0 {
		f := &g.Facts[i]
		out.LastClosed = &Closed{At: f.Until, Cause: v1alpha1.Cause{Object: f.Object.Ref(), Reason: f.ID, Message: f.Message, Since: stamp(f.Since), Evidence: []v1alpha1.Evidence{}}}
	}
	focus := focused(m, o.Focus)
	for _, in := range g.Incidents() {
		if focus != nil && !in.Touches(focus) {
			continue
		}
		out.Incidents = append(out.Incidents, status(in, m.Now))
	}
	return out
}

// focused is what a question about an object is about: also its workload, and the
// Services that lead there.
func focused(m *model.Model, r record.Ref) map[model.Key]bool {
	if r == (record.Ref{}) {
		return nil
	}
	k := model.Of(r)
	keys := map[model.Key]bool{k: true}
	if p := m.Pod(k); p != nil {
		keys[p.Workload.Key] = true
	}
	if w := m.Workload(k); w != nil {
		for _, s := range m.ServicesOf(w) {
			keys[s.Key] = true
		}
	}
	if s := m.Service(k); s != nil {
		for _, w := range s.Workloads {
			keys[w.Key] = true
		}
	}
	if k.Kind == model.KindReplicaSet || k.Kind == model.KindJob {
		keys[model.Key{Kind: model.KindDeployment, Namespace: k.Namespace, Name: model.Stem(k.Name)}] = true
	}
	return keys
}

func stamp(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return &metav1.Time{Time: t.UTC()}
}
