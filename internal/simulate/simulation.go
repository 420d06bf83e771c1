package simulate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listersv1 "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// Simulation plays nodes and their pods.
type Simulation struct {
	options   Options
	client    kubernetes.Interface
	addresses *addresses
	meter     *meter
	ready     chan struct{}

	nodeFactory informers.SharedInformerFactory
	podFactory  informers.SharedInformerFactory
	nodes       listersv1.NodeLister
	pods        listersv1.PodLister
	nodeQueue   workqueue.TypedRateLimitingInterface[string]
	podQueue    workqueue.TypedRateLimitingInterface[cache.ObjectName]
}

// New returns a simulation; nothing is made before Run.
func New(o Options) (*Simulation, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(o.RestConfig)
	if err != nil {
		return nil, fmt.Errorf("make the simulation's client: %w", err)
	}
	return newSimulation(client, o), nil
}

func newSimulation(client kubernetes.Interface, o Options) *Simulation {
	s := &Simulation{options: o, client: client, addresses: newAddresses(o.PodCIDR), ready: make(chan struct{}),
		meter: &meter{byNode: map[string]map[types.UID]map[string]counter{}}}
	s.nodeFactory = informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(withoutManagedFields),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = LabelSimulated + "=true" }))
	s.podFactory = informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(withoutManagedFields),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.FieldSelector = fields.OneTermNotEqualSelector("spec.nodeName", "").String()
		}))
	s.nodes = s.nodeFactory.Core().V1().Nodes().Lister()
	s.pods = s.podFactory.Core().V1().Pods().Lister()
	return s
}

// withoutManagedFields spares the memory of what nobody here reads.
func withoutManagedFields(object any) (any, error) {
	if m, ok := object.(metav1.Object); ok {
		m.SetManagedFields(nil)
	}
	return object, nil
}

// Ready is closed once all nodes are there and ready, and pods are played.
func (s *Simulation) Ready() <-chan struct{} { return s.ready }

// Run plays until ctx ends, and returns nil then, with everything stopped. The
// nodes stay in the API; the next Run takes them up again.
func (s *Simulation) Run(ctx context.Context) error {
	if err := s.makeNodes(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	s.nodeQueue, s.podQueue = newQueue[string]("nodes"), newQueue[cache.ObjectName]("pods")
	if err := s.watch(); err != nil {
		return err
	}
	s.nodeFactory.StartWithContext(ctx)
	defer s.nodeFactory.Shutdown()
	s.podFactory.StartWithContext(ctx)
	defer s.podFactory.Shutdown()
	s.nodeFactory.WaitForCacheSync(ctx.Done())
	s.podFactory.WaitForCacheSync(ctx.Done())
	if ctx.Err() != nil {
		return nil
	}
	if err := s.takeUp(); err != nil {
		return err
	}

	var group sync.WaitGroup
	group.Go(func() { renew(ctx, s.client, s.options.RenewInterval, s.allNodes) })
	for range max(1, s.options.Workers/2) {
		group.Go(func() { work(ctx, s.nodeQueue, s.syncNode) })
	}
	for range s.options.Workers {
		group.Go(func() { work(ctx, s.podQueue, s.syncPod) })
	}
	close(s.ready)
	<-ctx.Done()
	s.nodeQueue.ShutDown()
	s.podQueue.ShutDown()
	group.Wait()
	return nil
}

func newQueue[K comparable](name string) workqueue.TypedRateLimitingInterface[K] {
	return workqueue.NewTypedRateLimitingQueueWithConfig(
		workqueue.NewTypedItemExponentialFailureRateLimiter[K](20*time.Millisecond, 10*time.Second),
		workqueue.TypedRateLimitingQueueConfig[K]{Name: "bulkhead-simulate-" + name})
}

// makeNodes makes those nodes that are not there.
func (s *Simulation) makeNodes(ctx context.Context) error {
	var group sync.WaitGroup
	failures := make(chan error, s.options.Nodes)
	room := make(chan struct{}, s.options.Workers)
	for i := range s.options.Nodes {
		room <- struct{}{}
		group.Go(func() {
			defer func() { <-room }()
			node := newNode(s.options.Prefix, i, time.Now())
			_, err := s.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
			if err != nil && !apierrors.IsAlreadyExists(err) {
				failures <- fmt.Errorf("make simulated node %s: %w", node.Name, err)
			}
		})
	}
	group.Wait()
	close(failures)
	var all []error
	for err := range failures {
		all = append(all, err)
	}
	return errors.Join(all...)
}

func (s *Simulation) watch() error {
	_, err := s.nodeFactory.Core().V1().Nodes().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(node any) {
			s.nodeQueue.Add(node.(*v1.Node).Name)
			s.wakePods(node.(*v1.Node).Name)
		},
		UpdateFunc: func(_, node any) {
			if !isReady(node.(*v1.Node)) {
				s.nodeQueue.Add(node.(*v1.Node).Name)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("simulation: watch nodes: %w", err)
	}
	pods := s.podFactory.Core().V1().Pods().Informer()
	err = pods.AddIndexers(cache.Indexers{byNode: func(pod any) ([]string, error) {
		return []string{pod.(*v1.Pod).Spec.NodeName}, nil
	}})
	if err != nil {
		return fmt.Errorf("simulation: watch pods: %w", err)
	}
	_, err = pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(pod any) { s.podQueue.Add(cache.MetaObjectToName(pod.(*v1.Pod))) },
		UpdateFunc: func(_, pod any) { s.podQueue.Add(cache.MetaObjectToName(pod.(*v1.Pod))) },
		DeleteFunc: func(object any) {
			if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			if pod, ok := object.(*v1.Pod); ok {
				s.addresses.release(pod.UID)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("simulation: watch pods: %w", err)
	}
	return nil
}

// byNode is the name of the index of pods by their nodes.
const byNode = "node"

// wakePods plays the pods that were bound to a node before we knew it.
func (s *Simulation) wakePods(node string) {
	for _, pod := range s.podsOn(node) {
		s.podQueue.Add(cache.MetaObjectToName(pod))
	}
}

func (s *Simulation) podsOn(node string) []*v1.Pod {
	objects, err := s.podFactory.Core().V1().Pods().Informer().GetIndexer().ByIndex(byNode, node)
	if err != nil {
		return nil // there is no index before Run
	}
	pods := make([]*v1.Pod, len(objects))
	for i, object := range objects {
		pods[i] = object.(*v1.Pod)
	}
	return pods
}

// takeUp learns which addresses pods have from before.
func (s *Simulation) takeUp() error {
	pods, err := s.pods.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("simulation: list pods: %w", err)
	}
	for _, pod := range pods {
		if !pod.Spec.HostNetwork {
			s.addresses.reserve(pod.UID, pod.Status.PodIP)
		}
	}
	return nil
}

func (s *Simulation) allNodes() []*v1.Node {
	nodes, err := s.nodes.List(labels.Everything())
	if err != nil {
		return nil // the lister reads memory and has no errors
	}
	return nodes
}

// work takes keys until the queue is shut down.
func work[K comparable](ctx context.Context, queue workqueue.TypedRateLimitingInterface[K], sync func(context.Context, K) error) {
	for {
		key, shutdown := queue.Get()
		if shutdown {
			return
		}
		err := sync(ctx, key)
		switch {
		case err == nil || ctx.Err() != nil || apierrors.IsNotFound(err):
			queue.Forget(key)
		default:
			if !apierrors.IsConflict(err) {
				klog.FromContext(ctx).Error(err, "A simulated object was not written; trying again")
			}
			queue.AddRateLimited(key)
		}
		queue.Done(key)
	}
}

// syncNode makes a node ready that is not: a new one of somebody else's, or one
// whose Lease ran out while we did not run.
func (s *Simulation) syncNode(ctx context.Context, name string) error {
	node, err := s.nodes.Get(name)
	if err != nil || (isReady(node) && internalIP(node) != "") {
		return err
	}
	if err := renewOne(ctx, s.client, node, time.Now()); err != nil {
		return err
	}
	node = node.DeepCopy()
	node.Status = readyStatus(node, time.Now())
	if internalIP(node) == "" {
		node.Status.Addresses = append(node.Status.Addresses, v1.NodeAddress{Type: v1.NodeInternalIP, Address: addressByName(name).String()})
	}
	if _, err = s.client.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("write the status of node %s: %w", name, err)
	}
	return nil
}

// syncPod does what decide says.
func (s *Simulation) syncPod(ctx context.Context, key cache.ObjectName) error {
	pod, err := s.pods.Pods(key.Namespace).Get(key.Name)
	if err != nil {
		return err
	}
	node, err := s.nodes.Get(pod.Spec.NodeName)
	if err != nil {
		return err // not one of ours, or not yet
	}
	at := place{nodeIP: internalIP(node), jobDuration: s.options.JobDuration}
	if !pod.Spec.HostNetwork {
		if ip := s.addresses.of(pod.UID); ip.IsValid() {
			at.podIP = ip.String()
		}
	}
	d := decide(pod, time.Now(), at)
	switch {
	case d.remove:
		now := int64(0)
		err := s.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
			GracePeriodSeconds: &now, Preconditions: metav1.NewUIDPreconditions(string(pod.UID)),
		})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("remove pod %s: %w", key, err)
		}
	case d.status != nil:
		pod = pod.DeepCopy()
		pod.Status = *d.status
		if _, err := s.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{}); err != nil {
			return fmt.Errorf("write the status of pod %s: %w", key, err)
		}
	}
	if d.after > 0 {
		s.podQueue.AddAfter(key, d.after)
	}
	return nil
}
