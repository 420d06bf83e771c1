package loadbalancer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	listersv1 "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// Controller writes the statuses that desired asks for.
type Controller struct {
	client    kubernetes.Interface
	reserved  map[Port]string
	factory   informers.SharedInformerFactory
	services  listersv1.ServiceLister
	nodes     listersv1.NodeLister
	queue     workqueue.TypedRateLimitingInterface[struct{}]
	recorder  record.EventRecorder
	broadcast record.EventBroadcaster
	// told is the reason that each pending Service was last given in an event,
	// so that it is said once; only sync touches it.
	told map[types.UID]string
}

// New returns a controller; nothing runs before Run.
func New(o Options) (*Controller, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(o.RestConfig)
	if err != nil {
		return nil, fmt.Errorf("make the load balancer's client: %w", err)
	}
	return newController(client, o.Reserved), nil
}

func newController(client kubernetes.Interface, reserved map[Port]string) *Controller {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(withoutManagedFields))
	return &Controller{
		client:   client,
		reserved: reserved,
		factory:  factory,
		services: factory.Core().V1().Services().Lister(),
		nodes:    factory.Core().V1().Nodes().Lister(),
		told:     map[types.UID]string{},
	}
}

// withoutManagedFields spares the memory of what nobody here reads.
func withoutManagedFields(object any) (any, error) {
	if m, ok := object.(metav1.Object); ok {
		m.SetManagedFields(nil)
	}
	return object, nil
}

// Run works until ctx ends, and returns nil then, with everything stopped.
func (c *Controller) Run(ctx context.Context) error {
	c.broadcast = record.NewBroadcaster(record.WithContext(ctx))
	defer c.broadcast.Shutdown()
	c.broadcast.StartRecordingToSink(&typedv1.EventSinkImpl{Interface: c.client.CoreV1().Events("")})
	c.recorder = c.broadcast.NewRecorder(scheme.Scheme, v1.EventSource{Component: "bulkhead-load-balancer"})

	// One key stands for all Services, because each one's outcome hangs on the
	// others'. A burst of changes is one pass.
	c.queue = workqueue.NewTypedRateLimitingQueueWithConfig(
		workqueue.NewTypedItemExponentialFailureRateLimiter[struct{}](100*time.Millisecond, 30*time.Second),
		workqueue.TypedRateLimitingQueueConfig[struct{}]{Name: "bulkhead-load-balancer"})
	if err := c.watch(); err != nil {
		return err
	}
	c.factory.StartWithContext(ctx)
	defer c.factory.Shutdown()
	for kind, synced := range c.factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return endOf(ctx, fmt.Errorf("load balancer: list %s: stopped before the end", kind))
		}
	}
	stop := context.AfterFunc(ctx, c.queue.ShutDown)
	defer stop()
	c.queue.Add(struct{}{})
	for c.next(ctx) {
	}
	return nil
}

// endOf returns nil for an end that was asked for, else err.
func endOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (c *Controller) watch() error {
	wake := func(any) { c.queue.Add(struct{}{}) }
	_, err := c.factory.Core().V1().Services().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    wake,
		UpdateFunc: func(_, service any) { wake(service) },
		DeleteFunc: wake,
	})
	if err != nil {
		return fmt.Errorf("load balancer: watch Services: %w", err)
	}
	_, err = c.factory.Core().V1().Nodes().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: wake,
		UpdateFunc: func(before, after any) {
			// Heartbeats change a node often and its addresses hardly ever.
			if !reflect.DeepEqual(nodeAddresses([]*v1.Node{before.(*v1.Node)}), nodeAddresses([]*v1.Node{after.(*v1.Node)})) {
				wake(after)
			}
		},
		DeleteFunc: wake,
	})
	if err != nil {
		return fmt.Errorf("load balancer: watch nodes: %w", err)
	}
	return nil
}

func (c *Controller) next(ctx context.Context) bool {
	key, shutdown := c.queue.Get()
	if shutdown {
		return false
	}
	defer c.queue.Done(key)
	if err := c.sync(ctx); err != nil && ctx.Err() == nil {
		klog.FromContext(ctx).Error(err, "Load balancer statuses could not all be written, trying again")
		c.queue.AddRateLimited(key)
		return true
	}
	c.queue.Forget(key)
	return true
}

// sync brings every Service's status to what it should be.
func (c *Controller) sync(ctx context.Context) error {
	services, err := c.services.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("list Services: %w", err)
	}
	nodes, err := c.nodes.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	outcomes := desired(services, nodes, c.reserved)
	var failures []error
	for _, service := range services {
		want, ours := outcomes[name(service)]
		if !ours {
			continue
		}
		c.tell(service, want.reason)
		if reflect.DeepEqual(service.Status.LoadBalancer.Ingress, want.ingress) ||
			len(service.Status.LoadBalancer.Ingress)+len(want.ingress) == 0 {
			continue
		}
		if err := c.write(ctx, service, want.ingress); err != nil {
			failures = append(failures, err)
		}
	}
	c.forget(services)
	return errors.Join(failures...)
}

// write replaces the Service's ingress addresses and nothing else. The version
// of the Service is part of the patch: a decision about an older one is void.
func (c *Controller) write(ctx context.Context, service *v1.Service, ingress []v1.LoadBalancerIngress) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": service.ResourceVersion, "uid": service.UID},
		"status":   map[string]any{"loadBalancer": map[string]any{"ingress": ingress}},
	})
	if err != nil {
		return err
	}
	_, err = c.client.CoreV1().Services(service.Namespace).Patch(ctx, service.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // it changed or went; the informer will say so
	}
	if err != nil {
		return fmt.Errorf("write the addresses of Service %s: %w", name(service), err)
	}
	return nil
}

// tell puts the reason why a Service has no address into an event, once.
func (c *Controller) tell(service *v1.Service, reason string) {
	if c.told[service.UID] == reason {
		return
	}
	if reason == "" {
		delete(c.told, service.UID)
		return
	}
	c.told[service.UID] = reason
	c.recorder.Event(service, v1.EventTypeWarning, "AddressUnavailable", reason)
}

// forget drops what was told about Services that are gone.
func (c *Controller) forget(services []*v1.Service) {
	if len(c.told) == 0 {
		return
	}
	there := map[types.UID]bool{}
	for _, service := range services {
		there[service.UID] = true
	}
	for uid := range c.told {
		if !there[uid] {
			delete(c.told, uid)
		}
	}
}
