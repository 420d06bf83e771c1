package nodepool

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/tools/cache"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/decide"
)

// Options of a Controller.
type Options struct {
	API *API
	// NewProvider makes providers. Required.
	NewProvider NewProvider
	// Debounce is how long a decision waits for further changes. Default 300 ms.
	Debounce time.Duration
	// Active and Quiet are when to look again although nothing came: while nodes or
	// pods are in motion, and otherwise. Defaults 5 s, 30 s.
	Active, Quiet time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Controller keeps all node pools of a cluster.
type Controller struct {
	opts    Options
	metrics *metrics
	wake    chan struct{}
	pools   cache.SharedIndexInformer

	mu   sync.Mutex // guards last
	last Report
}

// Report is what was decided last.
type Report struct {
	At     time.Time            `json:"at"`
	Pods   []decide.PodVerdict  `json:"pods"`
	Nodes  []decide.NodeVerdict `json:"nodes"`
	Advice []string             `json:"advice,omitempty"`
}

// New makes a controller; Run starts it.
func New(o Options) (*Controller, error) {
	if o.API == nil || o.NewProvider == nil {
		return nil, errors.New("node pools: Options.API and Options.NewProvider are required")
	}
	o.Debounce = cmp.Or(o.Debounce, 300*time.Millisecond)
	o.Active, o.Quiet = cmp.Or(o.Active, 5*time.Second), cmp.Or(o.Quiet, 30*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Controller{opts: o, metrics: newMetrics(), wake: make(chan struct{}, 1), pools: o.API.informer("nodepools", &v1alpha1.NodePool{})}, nil
}

// Last is what was decided last; At is zero if there is no pool.
func (c *Controller) Last() Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// Collectors are the controller's metrics, to be registered.
func (c *Controller) Collectors() []prometheus.Collector { return c.metrics.collectors() }

// notify wakes the controller.
func (c *Controller) notify() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Run keeps pools until ctx ends. Nothing but NodePools is watched while there is
// none.
func (c *Controller) Run(ctx context.Context) error {
	_, err := c.pools.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { c.notify() }, UpdateFunc: func(any, any) { c.notify() }, DeleteFunc: func(any) { c.notify() },
	})
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { c.pools.RunWithContext(ctx) })
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		}
		if len(c.pools.GetStore().ListKeys()) == 0 {
			continue
		}
		if err := c.session(ctx); err != nil && ctx.Err() == nil {
			slog.Error("node pools are not kept; trying again", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(c.opts.Quiet):
			}
			c.notify()
		}
	}
}

// list is the pools as they are known.
func (c *Controller) list() []*v1alpha1.NodePool {
	var out []*v1alpha1.NodePool
	for _, o := range c.pools.GetStore().List() {
		if p, ok := o.(*v1alpha1.NodePool); ok {
			out = append(out, p)
		}
	}
	return out
}
