package answer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/history"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// window is how far back from a past time the journal is read: every object is in
// it as a whole, as the watcher hands all over again every 5 hours and the
// recorder keeps a whole one at the latest after 6.
const window = 13 * time.Hour

// Present is what is known about now, as an incident.Controller knows it.
type Present interface {
	Verdict(o diagnose.Options) diagnose.Result
	Incidents() []v1alpha1.Incident
}

// Answerer answers.
type Answerer struct {
	Journal history.Querier
	Present Present
	// Notes says what cannot be observed now; nil if nothing ever is.
	Notes func() []string
}

// Why says what failed first.
func (a *Answerer) Why(ctx context.Context, r admin.WhyRequest) (admin.WhyReply, error) {
	o := diagnose.Options{Since: r.Since}
	if r.Object != nil {
		o.Focus = refOf(*r.Object)
	}
	var result diagnose.Result
	var notes []string
	if r.At.IsZero() {
		result = a.Present.Verdict(o)
		if a.Notes != nil {
			notes = a.Notes()
		}
	} else {
		o.Now = r.At.UTC()
		m, err := past(ctx, a.Journal, o.Now)
		if d := (*journal.Damage)(nil); errors.As(err, &d) {
			notes = append(notes, err.Error())
		} else if err != nil {
			return admin.WhyReply{}, err
		}
		result = diagnose.Of(m, o)
	}
	incidents, err := json.Marshal(result.Incidents)
	if err != nil {
		return admin.WhyReply{}, err
	}
	reply := admin.WhyReply{Incidents: incidents, Now: result.Now.UTC(), Notes: notes}
	if g := result.Graph; g != nil && r.Object != nil {
		reply.Unknown = g.Model.Get(model.Of(o.Focus)) == nil
	}
	last := a.last(result, r.At)
	if last == nil {
		return reply, nil
	}
	reply.LastClosed = last.At
	reply.LastCause, err = json.Marshal(last.Cause)
	return reply, err
}

// last is the last incident that is over; nil if none is known.
func (a *Answerer) last(result diagnose.Result, at time.Time) *diagnose.Closed {
	last := result.LastClosed
	for _, in := range a.Present.Incidents() {
		c := in.Status.Closed
		if c != nil && (last == nil || c.After(last.At)) && (at.IsZero() || c.Time.Before(at)) {
			last = &diagnose.Closed{Cause: in.Status.FirstCause, At: c.Time}
		}
	}
	return last
}

// past is the cluster as it was at a time.
func past(ctx context.Context, q history.Querier, at time.Time) (*model.Model, error) {
	m := model.New()
	n := 0
	for r, err := range q.Query(ctx, journal.Filter{From: at.Add(-window), To: at}) {
		if err != nil {
			return m, fmt.Errorf("read the journal: %w", err)
		}
		m.Add(r)
		n++
	}
	if n == 0 {
		return nil, fmt.Errorf("nothing is recorded of the time before %s; `bulkhead status` shows how much the journal has", at.Format(time.RFC3339))
	}
	return m, nil
}

func refOf(o admin.Object) record.Ref {
	return record.Ref{Group: o.Group, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}
}
