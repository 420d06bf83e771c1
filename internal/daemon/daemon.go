package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/daemon/heap"
	"github.com/bulkhead-k8s/bulkhead/internal/datastore"
	"github.com/bulkhead-k8s/bulkhead/internal/doctor"
	"github.com/bulkhead-k8s/bulkhead/internal/kube"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/dns"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/metrics"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool"
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

// Daemon is one server.
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
	// Nil are those that are disabled, or not of this kind of cluster.
	simulation *simulate.Simulation
	metrics    *metrics.Server
	dns        *dns.Server
	diagnosis  *diagnosis
	// diagnosisErr is why it does not run.
	diagnosisErr error
	// nodePools is nil where it is disabled.
	nodePools *nodepool.Controller
	// keepPods is what the request to stop said.
	keepPods bool
}

// Run is the life of a server: it returns when ctx ends (nil), when somebody
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
		keepPods: true, // a restart, an upgrade or a crash leaves containers running
		memory:   memory,
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

// start brings everything up and returns when the cluster is usable; what it
// started goes on in the tiers.
func (d *Daemon) start(ctx context.Context) error {
	listener, err := kube.Listen(ctx, d.config)
	if err != nil {
		return err
	}

	options := &kube.Options{
		Config:             d.config,
		Stages:             d.stages,
		EtcdEndpoint:       "unix://" + d.etcdSocket("main"),
		EtcdEventsEndpoint: "unix://" + d.etcdSocket("events"),
	}
	parallel, parallelCtx := errgroup.WithContext(ctx)
	parallel.Go(func() error { return d.startEtcd(parallelCtx) })
	if !d.config.Simulate {
		if err := d.startRuntime(); err != nil {
			return err
		}
		options.RuntimeEndpoint = d.runtime.Endpoint()
	}
	parallel.Go(func() error {
		if err := d.startAPIServer(options, listener); err != nil {
			return err
		}
		if !d.config.Simulate {
			d.startKubelet()
		}
		return nil
	})
	if err := parallel.Wait(); err != nil {
		return err
	}

	end := d.stages.Begin("API server ready")
	select {
	case <-d.kube.APIServer.Ready():
		end(nil)
	case <-ctx.Done():
		end(context.Cause(ctx))
		return context.Cause(ctx)
	}
	d.work.Go("certificate renewal", func(ctx context.Context) error {
		return options.PKI.Renew(ctx, func(names []string) {
			slog.Info("renewed certificates", "names", names)
			if err := d.writeAdminKubeconfig(options); err != nil {
				slog.Error("the administrator's kubeconfig was not renewed", "err", err)
			}
		}, func(err error) { slog.Error("certificates were not renewed", "err", err) })
	})

	client, err := kubernetes.NewForConfig(options.RESTConfig(pki.Bulkhead))
	if err != nil {
		return fmt.Errorf("make the daemon's client: %w", err)
	}
	d.work.Go("kube-controller-manager", d.kube.ControllerManager.Run)
	d.startDiagnosis(options)
	if err := d.startNodePools(options); err != nil {
		return err
	}
	d.startNodeProblems(client)
	if d.config.Simulate {
		err = d.startSimulation(ctx, options, client)
	} else {
		err = d.startNode(ctx, options, client)
	}
	if err != nil {
		return err
	}
	close(d.ready)
	d.stages.Done()
	d.work.Go("memory", d.settleMemory)
	notifyReady(d.notify)
	return nil
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

func (d *Daemon) etcdSocket(name string) string {
	return filepath.Join(d.config.DataDir, "run", "etcd-"+name+".sock")
}

// startEtcd opens both members side by side.
func (d *Daemon) startEtcd(ctx context.Context) error {
	end := d.stages.Begin("etcd serving")
	members := make([]*datastore.Member, 2)
	group, groupCtx := errgroup.WithContext(ctx)
	for i, name := range []string{"main", "events"} {
		group.Go(func() error {
			member, err := datastore.Start(groupCtx, datastore.Options{
				Dir:    filepath.Join(d.config.DataDir, "etcd", name),
				Socket: d.etcdSocket(name),
				Logger: etcdLogger(d.config.Verbosity),
			})
			members[i] = member
			return err
		})
	}
	err := group.Wait()
	end(err)
	for i, name := range []string{"main", "events"} {
		member := members[i]
		if member == nil {
			continue
		}
		d.storage.Go("etcd ("+name+")", func(ctx context.Context) error {
			defer member.Stop()
			return member.Wait(ctx)
		})
	}
	d.mu.Lock()
	d.etcd = members
	d.mu.Unlock()
	return err
}

// startRuntime starts containerd; it becomes ready by itself.
func (d *Daemon) startRuntime() error {
	r, err := runtime.New(runtime.Options{
		DataDir:     d.config.DataDir,
		CgroupRoot:  d.config.CgroupRoot(),
		Snapshotter: d.config.Snapshotter,
		ClusterCIDR: d.config.ClusterCIDR,
		PodCIDR:     d.expectedPodCIDR(),
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

// startAPIServer makes certificates and settings, then starts the API server
// without waiting for etcd, which it connects to when it needs it.
func (d *Daemon) startAPIServer(options *kube.Options, listener net.Listener) error {
	end := d.stages.Begin("certificates ready")
	serviceIP, err := firstAddress(d.config.ServiceCIDR)
	if err == nil {
		options.PKI, err = pki.Ensure(pki.Options{
			Dir:           filepath.Join(d.config.DataDir, "pki"),
			NodeName:      d.config.NodeName,
			NodeIP:        d.config.NodeIP,
			ServiceIP:     serviceIP,
			ClusterDomain: d.config.ClusterDomain,
			SANs:          d.config.TLSSANs,
		})
	}
	end(err)
	if err != nil {
		return err
	}
	if err := d.writeAdminKubeconfig(options); err != nil {
		return err
	}
	if err := d.prepareAddons(options); err != nil {
		return err
	}
	end = d.stages.BeginDetail("Kubernetes configured")
	components, err := kube.New(options)
	end(err)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.kube = components
	d.mu.Unlock()
	d.serve.Go("kube-apiserver", func(ctx context.Context) error { return components.APIServer.Run(ctx, listener) })
	return nil
}

func (d *Daemon) writeAdminKubeconfig(options *kube.Options) error {
	return options.WriteAdminKubeconfig(d.config.WriteKubeconfig, d.config.KubeconfigMode())
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

// etcdLogger passes on errors; from -v 1 warnings too, of which a slow disk
// gives one for each request; from -v 4 all.
func etcdLogger(verbosity int) *zap.Logger {
	c := zap.NewProductionConfig()
	switch {
	case verbosity >= 4:
		c.Level = zap.NewAtomicLevelAt(zap.InfoLevel)
	case verbosity >= 1:
		c.Level = zap.NewAtomicLevelAt(zap.WarnLevel)
	default:
		c.Level = zap.NewAtomicLevelAt(zap.ErrorLevel)
	}
	c.DisableStacktrace = true // its errors are told apart by their text
	logger, err := c.Build()
	if err != nil {
		return zap.NewNop()
	}
	return logger
}

// isNewCluster says that no etcd has been started on this data directory.
func (d *Daemon) isNewCluster() bool {
	_, err := os.Stat(filepath.Join(d.config.DataDir, "etcd", "main", "member"))
	return errors.Is(err, fs.ErrNotExist)
}
