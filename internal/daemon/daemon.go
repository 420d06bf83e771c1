package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/daemon/heap"
	"github.com/bulkhead-k8s/bulkhead/internal/datastore"
	"github.com/bulkhead-k8s/bulkhead/internal/doctor"
	"github.com/bulkhead-k8s/bulkhead/internal/kube"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/dns"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/metrics"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/podnetwork"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/relay"
	"github.com/bulkhead-k8s/bulkhead/internal/programpages"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime"
	"github.com/bulkhead-k8s/bulkhead/internal/simulate"
	"github.com/bulkhead-k8s/bulkhead/internal/stages"
	"github.com/bulkhead-k8s/bulkhead/internal/version"
)

// How long each tier gets to end before it is left behind. What acts on the
// cluster is stateless and upstream does not always end when asked, so it is
// not waited for long; requests under way and etcd's files are worth more.
const (
	workGrace    = 5 * time.Second
	serveGrace   = 15 * time.Second
	storageGrace = 20 * time.Second
)

// settleTime is how long after the start memory is still had for speed.
const settleTime = 10 * time.Second

// ErrStopped is the cause of an end that somebody asked for.
var ErrStopped = errors.New("asked to stop")

// Daemon is one server or one agent.
type Daemon struct {
	config  *config.Config
	stages  *stages.Tracker
	started time.Time
	ready   chan struct{}
	fail    context.CancelCauseFunc
	notify  string // socket of the service manager, if there is one
	memory  *heap.Phase

	storage, serve, work *tier

	// Set before the tier that uses them starts, and read after; the lock is
	// for Status, which anybody may ask at any time.
	mu      sync.Mutex
	etcd    []*datastore.Member
	runtime *runtime.Runtime
	kube    *kube.Components
	// client is this machine's access to the API server.
	client kubernetes.Interface
	// Nil are those that are disabled, or not of this kind of cluster.
	simulation *simulate.Simulation
	metrics    *metrics.Server
	dns        *dns.Server
	diagnosis  *diagnosis
	// relay brings what an agent observes to its server.
	relay *relay.Sender
	// diagnosisErr is why it does not run.
	diagnosisErr error
	// nodePools is nil where it is disabled.
	nodePools *nodepool.Controller
}

// Run is the life of a daemon: it returns when ctx ends (nil), when somebody
// asks it to stop (nil), or with the reason why it could not go on.
func Run(ctx context.Context, c *config.Config) error {
	memory := heap.Starting()
	notify := takeNotifySocket()
	if err := doctor.Preflight(ctx, c); err != nil {
		return err
	}
	unlock, err := lock(c.DataDir)
	if err != nil {
		return err
	}
	defer unlock()
	if err := doctor.WriteFormat(c.DataDir, version.Bulkhead(), version.Kubernetes()); err != nil {
		return err
	}

	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	d := &Daemon{
		config: c, stages: stages.New(), started: time.Now(), ready: make(chan struct{}), fail: fail, notify: notify,
		storage: newTier("storage", fail), serve: newTier("serving", fail), work: newTier("work", fail),
		memory: memory,
	}
	socket, err := admin.Listen(c.AdminSocket())
	if err != nil {
		return err
	}
	adminCtx, stopAdmin := context.WithCancel(context.Background())
	adminEnded := make(chan error, 1)
	go func() { adminEnded <- admin.Serve(adminCtx, socket, d) }()

	if err := d.start(ctx); err != nil {
		fail(err)
	}
	<-ctx.Done()
	reason := context.Cause(ctx)
	d.stages.Done()
	d.stop()
	stopAdmin()
	<-adminEnded
	if errors.Is(reason, ErrStopped) || errors.Is(reason, context.Canceled) {
		return nil
	}
	return reason
}

// start brings everything up and returns when this machine can be used as what it
// is; what it started goes on in the tiers.
func (d *Daemon) start(ctx context.Context) error {
	start := d.startServer
	if d.config.Agent {
		start = d.startAgent
	}
	if err := start(ctx); err != nil {
		return err
	}
	close(d.ready)
	d.stages.Done()
	d.work.Go("memory", d.settleMemory)
	notifyReady(d.notify)
	return nil
}

// connect makes the daemon's own client.
func (d *Daemon) connect(options *kube.Options) (kubernetes.Interface, error) {
	access := options.RESTConfig(pki.Bulkhead)
	client, err := kubernetes.NewForConfig(access)
	if err != nil {
		return nil, fmt.Errorf("make the daemon's client: %w", err)
	}
	d.mu.Lock()
	d.client = client
	d.mu.Unlock()
	return client, nil
}

// settleMemory lets the start's consequences pass, such as the first pods, and
// then gives back the memory that it took.
func (d *Daemon) settleMemory(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(settleTime):
		d.memory.Started()
		if _, err := programpages.Release(); err != nil {
			slog.Warn("the start's pages of the program stay in memory", "err", err)
		}
	}
	<-ctx.Done()
	return nil
}

// startRuntime starts containerd; it becomes ready by itself.
func (d *Daemon) startRuntime() error {
	r, err := runtime.New(runtime.Options{
		DataDir:     d.config.DataDir,
		CgroupRoot:  d.config.CgroupRoot(),
		Snapshotter: d.config.Snapshotter,
		ClusterCIDR: d.config.ClusterCIDR,
		PodCIDR:     d.expectedPodCIDR(),
		Overhead:    podnetwork.Overhead(d.config.PodNetwork),
		Stages:      d.stages,
	})
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.runtime = r
	d.mu.Unlock()
	d.storage.Go("containerd", func(ctx context.Context) error {
		if err := r.Run(ctx); err != nil {
			return err
		}
		// It was stopped, and who stopped it ends the daemon; that is no failure.
		<-ctx.Done()
		return nil
	})
	return nil
}

// stop ends the tiers in the reverse order of their start. Containers end only
// if the request said so.
func (d *Daemon) stop() {
	for _, step := range []struct {
		tier  *tier
		grace time.Duration
	}{{d.work, workGrace}, {d.serve, serveGrace}, {d.storage, storageGrace}} {
		if left := step.tier.Stop(step.grace); len(left) > 0 {
			slog.Warn("left behind at the stop", "tier", step.tier.name, "components", left)
		}
	}
}
