// Package attach diagnoses and contains a cluster through its API alone: one that
// Bulkhead does not run.
//
//	watcher -> incident.Controller -> Incidents -> Containment -> Brakes, in that cluster
//
// containment.go is also how the daemon contains its own cluster, which it knows more
// of: its nodes tell of exits, core dumps and kernels. Here there is no journal.
//
// The rule: all that is known and done goes through the API server of that cluster.
package attach

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1/crds"
	"github.com/bulkhead-k8s/bulkhead/internal/incident"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/apply"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/objects"
)

// Options of an Attachment.
type Options struct {
	// Access leads to the cluster.
	Access *rest.Config
	// DryRun only logs what would be held, by the built-in policy, and writes nothing.
	DryRun bool
}

// Attachment is to one cluster.
type Attachment struct {
	watcher     *objects.Watcher
	incidents   *incident.API // nil in a dry run
	controller  *incident.Controller
	containment *Containment
}

// New attaches to a cluster; Run starts it.
func New(o Options) (*Attachment, error) {
	a := &Attachment{}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	var err error
	if a.watcher, err = objects.New(objects.Options{Config: o.Access, To: live{a}, SecretKey: key}); err != nil {
		return nil, err
	}
	to := incident.Options{Ready: a.watcher.Ready()}
	if o.DryRun {
		a.containment, err = dryContainment(o.Access)
		to.Store = dryIncidents{}
	} else {
		if a.incidents, err = incident.NewAPI(o.Access); err != nil {
			return nil, err
		}
		a.containment, err = NewContainment(o.Access, nil)
		to.Store, to.Announce = a.incidents, a.incidents.Announce
	}
	if err != nil {
		return nil, err
	}
	to.Observe = a.containment.Observe
	a.controller = incident.New(to)
	return a, nil
}

// live hands records to the diagnosis.
type live struct{ *Attachment }

func (l live) Append(records ...record.Record) error { return l.controller.Append(records...) }

// Collectors are metrics, to be registered.
func (a *Attachment) Collectors() []prometheus.Collector { return a.containment.Collectors() }

// Run diagnoses and contains until ctx ends.
func (a *Attachment) Run(ctx context.Context) error {
	if a.incidents != nil {
		crd, err := crds.JSON("incidents")
		if err != nil {
			return err
		}
		if err := apply.Retry(ctx, "incidents", func(ctx context.Context) error { return a.incidents.Install(ctx, crd) }); err != nil {
			return fmt.Errorf("attach: %w", err)
		}
	}
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { _ = a.watcher.Run(ctx) })
	all.Go(func() { _ = a.controller.Run(ctx) })
	a.containment.Run(ctx)
	return nil
}
