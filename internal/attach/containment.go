package attach

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
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

// Containment is what acts on the verdicts about a cluster.
type Containment struct {
	store      *store.API // nil in a dry run
	controller *control.Controller
}

// NewContainment makes it for the cluster that access leads to; record writes to the
// journal, and may be nil.
func NewContainment(access *rest.Config, record func(record.Record)) (*Containment, error) {
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
	return &Containment{brakes, control.New(control.Options{Store: brakes, Cluster: cluster, Record: record})}, nil
}

// dryContainment decides and changes nothing.
func dryContainment(access *rest.Config) (*Containment, error) {
	cluster, err := enforce.NewAPI(access)
	if err != nil {
		return nil, err
	}
	return &Containment{nil, control.New(control.Options{Store: dryBrakes{}, Cluster: dryCluster{cluster}})}, nil
}

// Collectors are its metrics, to be registered.
func (c *Containment) Collectors() []prometheus.Collector { return c.controller.Collectors() }

// Observe hands a verdict on: of the incidents, those that are open.
func (c *Containment) Observe(m *model.Model, incidents []incident.Entry, now time.Time) {
	var open []*v1alpha1.Incident
	for i := range incidents {
		if incidents[i].Open() {
			open = append(open, &incidents[i].Incident)
		}
	}
	c.controller.Observe(m, open, now)
}

// kinds are those that are installed.
var kinds = []string{"brakes", "containmentpolicies"}

// Run installs the kinds and contains until ctx ends.
func (c *Containment) Run(ctx context.Context) {
	for _, plural := range kinds {
		if c.store == nil {
			break
		}
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
