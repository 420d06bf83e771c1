package runtime

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/cgroup"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/layout"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/process"
)

// Runtime keeps one containerd running and gives access to it. Its methods may
// be called from any goroutine.
type Runtime struct {
	options Options
	paths   layout.Paths
	owner   process.Owner

	ready    chan struct{} // closed once
	usable   chan struct{} // closed once, when the sandbox image is there too
	stopping chan struct{} // closed once, by StopContainerd
	stopOnce sync.Once

	connection connection
	host       sync.Mutex // held while the host's network and settings are changed
	inForce    string     // guarded by host: the pods' ranges that WriteCNIConfig set last
}

// New prepares a Runtime; nothing is changed on the host before Run.
func New(options Options) (*Runtime, error) {
	if err := options.complete(); err != nil {
		return nil, err
	}
	paths := layout.For(options.DataDir)
	return &Runtime{
		options:    options,
		paths:      paths,
		owner:      paths.Owner(),
		ready:      make(chan struct{}),
		usable:     make(chan struct{}),
		stopping:   make(chan struct{}),
		connection: connection{socket: paths.Socket},
	}, nil
}

// Ready is closed once the CRI of containerd answers and the host is set up, so
// that the kubelet can start. It stays closed when containerd is restarted later.
func (r *Runtime) Ready() <-chan struct{} { return r.ready }

// Endpoint is the socket of the CRI, as unix:///path.
func (r *Runtime) Endpoint() string { return "unix://" + r.paths.Socket }

// Run keeps containerd running until ctx ends, and then returns nil with
// containerd and all containers still going: StopPods and StopContainerd end
// them. It returns an error when containerd cannot be brought up at all.
func (r *Runtime) Run(ctx context.Context) error {
	config, err := r.prepare(ctx)
	if err != nil {
		return err
	}
	defer r.connection.close()
	// The host's own programs take a while for its packet filter; containerd
	// needs none of it to start.
	host := hostSetup{done: make(chan struct{})}
	go func() {
		defer close(host.done)
		end := r.options.Stages.BeginDetail("host set up for containers")
		host.err = r.setUpHost(ctx)
		end(host.err)
	}()
	err = r.supervise(ctx, config, &host)
	<-host.done
	return err
}

// hostSetup is the change of the host that goes on beside containerd's start.
type hostSetup struct {
	done chan struct{}
	err  error // valid once done is closed
}

func (h *hostSetup) wait(ctx context.Context) error {
	select {
	case <-h.done:
		return h.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// prepare brings the host and the data directory to where containerd can start,
// and returns its settings. What can be missing is looked for first, before
// anything is changed.
func (r *Runtime) prepare(ctx context.Context) ([]byte, error) {
	host := hostFacts{}
	var err error
	if host.CNI, err = findCNI(r.options.BinDir); err != nil {
		return nil, err
	}
	if host.RunC, err = findRunC(ctx, r.options.BinDir); err != nil {
		return nil, err
	}
	if host.CanLowerOOMScore, err = canLowerOOMScore(); err != nil {
		return nil, err
	}
	config, err := containerdConfig(r.options, r.paths, host)
	if err != nil {
		return nil, err
	}

	p := r.paths
	for _, directory := range []string{
		p.Bin, filepath.Dir(p.Config), filepath.Dir(p.Log), filepath.Dir(p.Socket), p.CNIConfig, p.CNIState, p.ShimSockets,
	} {
		if err := os.MkdirAll(directory, 0o700); err != nil {
			return nil, err
		}
	}
	if err := r.forgetLastBoot(); err != nil {
		return nil, err
	}
	group, err := cgroup.Open(r.options.CgroupRoot)
	if err == nil {
		err = group.Create(filepath.Base(containerdCgroup(r.options.CgroupRoot)))
	}
	if err != nil {
		return nil, err
	}
	programs := map[string]string{
		containerdName: findProgram(r.options.BinDir, containerdName, r.options.Executable),
		shimName:       findProgram(r.options.BinDir, shimName, r.options.Executable),
		"runc":         host.RunC,
	}
	if err := linkPrograms(p.Bin, programs); err != nil {
		return nil, err
	}
	if _, err := writeFile(p.Config, config, 0o600); err != nil {
		return nil, err
	}
	if err := r.writeSandboxRegistry(); err != nil {
		return nil, err
	}
	return config, nil
}

// stopGrace is how long containerd gets to close its database.
const stopGrace = 20 * time.Second

// StopContainerd ends containerd; containers and shims go on. It works without
// Run as well, and makes a Run that goes on return.
func (r *Runtime) StopContainerd(ctx context.Context) error {
	r.stopOnce.Do(func() { close(r.stopping) })
	running, err := process.Find(r.owner)
	if err != nil {
		return err
	}
	for _, found := range running {
		if found.Kind != process.Containerd {
			continue
		}
		if err := endProcess(ctx, r.owner, found, stopGrace); err != nil {
			return err
		}
	}
	return nil
}

// Processes returns the process ids of containerd, 0 if it does not run, and of
// its shims.
func (r *Runtime) Processes() (containerd int, shims []int) {
	running, err := process.Find(r.owner)
	if err != nil {
		return 0, nil
	}
	for _, found := range running {
		switch found.Kind {
		case process.Containerd:
			containerd = found.PID
		case process.Shim:
			shims = append(shims, found.PID)
		}
	}
	return containerd, shims
}
