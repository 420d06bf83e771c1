package storage

import (
	"context"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	storageac "k8s.io/client-go/applyconfigurations/storage/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"

	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/apply"
)

// Controller provisions the volumes of one node.
type Controller struct {
	client      kubernetes.Interface
	applied     bool // by somebody else
	provisioner *provisioner
}

// New returns a controller; nothing runs, and no directory is made, before Run.
func New(o Options) (*Controller, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(o.RestConfig)
	if err != nil {
		return nil, fmt.Errorf("make the local storage's client: %w", err)
	}
	c := newController(client, o.NodeName, o.Root)
	c.applied = o.AppliedElsewhere
	return c, nil
}

func newController(client kubernetes.Interface, node, root string) *Controller {
	return &Controller{client: client, provisioner: &provisioner{node: node, root: root}}
}

// Run works until ctx ends, and returns nil then, with all workers stopped.
func (c *Controller) Run(ctx context.Context) error {
	if !c.applied {
		err := apply.Retry(ctx, "local storage", func(ctx context.Context) error { return Apply(ctx, c.client) })
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	var workers sync.WaitGroup
	provision := controller.NewProvisionController(ctx, c.client, ProvisionerName, c.provisioner,
		// One process a node, and each only touches its own node's volumes.
		controller.LeaderElection(false),
		controller.Threadiness(2),
		// The library's 15 s is meant for calls to a cloud.
		controller.RateLimiter(workqueue.NewTypedItemExponentialFailureRateLimiter[string](time.Second, 5*time.Minute)),
		// A volume that could not be deleted keeps its finalizer, and with it
		// the record of the directory.
		controller.AddFinalizer(true),
	)
	provision.ControllerWaitGroup(&workers)
	provision.Run(ctx)
	workers.Wait()
	return nil
}

// Apply writes the default StorageClass.
func Apply(ctx context.Context, client kubernetes.Interface) error {
	class := storageac.StorageClass(ClassName).
		WithAnnotations(map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}).
		WithProvisioner(ProvisionerName).
		WithReclaimPolicy(v1.PersistentVolumeReclaimDelete).
		// The directory must be made where the pod will run.
		WithVolumeBindingMode(storagev1.VolumeBindingWaitForFirstConsumer)
	if _, err := client.StorageV1().StorageClasses().Apply(ctx, class, apply.Options()); err != nil {
		return fmt.Errorf("apply StorageClass %s: %w", ClassName, err)
	}
	return nil
}
