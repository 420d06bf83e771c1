package incident

import (
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Replay follows records of the past as a Controller follows those of the present.
// Its zero value has seen nothing.
type Replay struct {
	Policy Policy

	model *model.Model
	known Known
}

// Add takes a record, and says whether it may change the verdict.
func (r *Replay) Add(rec record.Record) (relevant bool) {
	if own(rec) {
		return false
	}
	if r.model == nil {
		r.model = model.New()
	}
	r.model.Add(rec)
	return matters(rec)
}

// Verdict gives what is known at a time, and the incidents that are open then or
// were closed last.
func (r *Replay) Verdict(now time.Time) (*model.Model, []Entry) {
	if r.model == nil {
		r.model = model.New()
	}
	result := diagnose.Of(r.model, diagnose.Options{Now: now})
	r.known, _ = Decide(r.known, result.Incidents, now, r.Policy)
	return r.model, r.known.Incidents
}
