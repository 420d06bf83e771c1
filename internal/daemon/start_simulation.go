package daemon

import (
	"context"

	"k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/internal/kube"
)

// startSimulation brings up nodes that exist in the API only, and returns when
// pods can be scheduled to one.
func (d *Daemon) startSimulation(ctx context.Context, options *kube.Options, client kubernetes.Interface) error {
	d.work.Go("simulation", d.simulation.Run)
	if err := d.startServerAddons(options); err != nil {
		return err
	}
	addons, err := d.startNodeAddons(options)
	if err != nil {
		return err
	}
	end := d.stages.Begin("simulated nodes ready")
	_, err = waitForNode(ctx, client, "", isReady)
	end(err)
	if err != nil {
		return err
	}
	d.work.Go("kube-scheduler", d.kube.Scheduler.Run)
	return addons.wait(ctx, d.stages)
}
