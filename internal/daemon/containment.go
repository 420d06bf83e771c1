package daemon

import (
	"context"
	"log/slog"
	"time"

	"k8s.io/client-go/rest"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1/crds"
	"github.com/bulkhead-k8s/bulkhead/internal/contain/control"
	"github.com/bulkhead-k8s/bulkhead/internal/contain/enforce"
	"github.com/bulkhead-k8s/bulkhead/internal/contain/store"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/incident"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/apply"
)

// containment is what acts on the diagnosis' verdicts.
type containment struct {
	store      *store.API
	controller *control.Controller
}

// newContainment makes it; record writes to the journal.
func newContainment(access *rest.Config, record func(record.Record)) (*containment, error) {
	config := rest.CopyConfig(access)
	config.UserAgent = "bulkhead-containment"
	brakes, err := store.New(config)
	if err != nil {
		return nil, err
	}
	cluster, err := enforce.NewAPI(config)
	if err != nil {
		return nil, err
	}
	return &containment{brakes, control.New(control.Options{Store: brakes, Cluster: cluster, Record: record})}, nil
}

// observe hands a verdict on: of the incidents, those that are open.
func (c *containment) observe(m *model.Model, incidents []incident.Entry, now time.Time) {
	var open []*v1alpha1.Incident
	for i := range incidents {
		if incidents[i].Open() {
			open = append(open, &incidents[i].Incident)
		}
	}
	c.controller.Observe(m, open, now)
}

// run installs the kinds and contains until ctx ends.
func (c *containment) run(ctx context.Context) {
	for _, plural := range []string{"brakes", "containmentpolicies"} {
		crd, err := crds.JSON(plural)
		if err == nil {
			err = apply.Retry(ctx, plural, func(ctx context.Context) error { return c.store.Install(ctx, plural, crd) })
		}
		if err != nil {
			slog.Error("the containment does not run", "err", err)
			return
		}
	}
	_ = c.controller.Run(ctx) // it ends with ctx
}
