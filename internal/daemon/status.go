package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/dns/address"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime"
	"github.com/bulkhead-k8s/bulkhead/internal/stages"
	"github.com/bulkhead-k8s/bulkhead/internal/version"
)

var _ admin.Daemon = (*Daemon)(nil)

// Stages returns the tracker of the start.
func (d *Daemon) Stages() *stages.Tracker { return d.stages }

// Status says how the daemon and its parts are.
func (d *Daemon) Status(ctx context.Context) admin.Status {
	d.mu.Lock()
	r, g := d.runtime, d.diagnosis
	d.mu.Unlock()
	c := d.config
	status := admin.Status{
		Version:           version.Bulkhead(),
		KubernetesVersion: version.Kubernetes(),
		PID:               os.Getpid(),
		Started:           d.started,
		Simulated:         c.Simulate,
		NodeName:          c.NodeName,
		NodeIP:            c.NodeIP,
		Server:            "https://" + net.JoinHostPort(c.NodeIP, strconv.Itoa(c.HTTPSListenPort)),
		Kubeconfig:        c.WriteKubeconfig,
		Agent:             c.Agent,
		DataDir:           c.DataDir,
		ClusterDNS:        c.ClusterDNS,
		Components:        d.components(ctx),
		Resources:         resources(c.DataDir, r),
	}
	if c.Agent {
		status.Server, status.Kubeconfig = c.Server, ""
	}
	status.Nodes = d.nodes(ctx)
	if g != nil {
		status.Diagnosis = g.status()
	}
	select {
	case <-d.ready:
		status.Ready = true
	default:
	}
	return status
}

// ImportImages waits for containerd and hands it the archive.
func (d *Daemon) ImportImages(ctx context.Context, archive io.Reader) ([]admin.Image, error) {
	r, err := d.readyRuntime(ctx)
	if err != nil {
		return nil, err
	}
	return r.ImportImages(ctx, archive)
}

// ListImages lists what containerd holds for Kubernetes.
func (d *Daemon) ListImages(ctx context.Context) ([]admin.Image, error) {
	r, err := d.readyRuntime(ctx)
	if err != nil {
		return nil, err
	}
	return r.ListImages(ctx)
}

func (d *Daemon) readyRuntime(ctx context.Context) (*runtime.Runtime, error) {
	if d.config.Simulate {
		return nil, fmt.Errorf("this cluster is simulated: its nodes have no containers and no images")
	}
	d.mu.Lock()
	r := d.runtime
	d.mu.Unlock()
	if r == nil {
		return nil, fmt.Errorf("the daemon has not started containerd yet")
	}
	select {
	case <-r.Ready():
		return r, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Stop ends the daemon, and unless keepPods its containers.
func (d *Daemon) Stop(ctx context.Context, keepPods bool) error {
	defer d.fail(ErrStopped)
	if keepPods {
		return nil
	}
	return d.stopPods(ctx)
}

// stopPods ends this machine's containers, and containerd. The daemon is to end
// after it, whatever it returns.
func (d *Daemon) stopPods(ctx context.Context) error {
	d.mu.Lock()
	r := d.runtime
	d.mu.Unlock()
	if r == nil {
		return nil
	}
	// First the kubelet, or it would start again what is being stopped.
	d.work.Stop(workGrace)
	nodes := make(chan error, 1)
	go func() { nodes <- d.stopLocalNodes(ctx) }()
	err := r.StopPods(ctx)
	if err := errors.Join(err, <-nodes); err != nil {
		return fmt.Errorf("stop the pods: %w; `bulkhead down` again stops what is left", err)
	}
	// No pod is left that could ask for names.
	if err := address.Remove(ctx, address.DefaultInterface); err != nil {
		slog.Warn("the cluster DNS address stays on this machine", "err", err)
	}
	if err := r.StopContainerd(ctx); err != nil {
		return fmt.Errorf("stop containerd: %w", err)
	}
	return nil
}

// resources reads what the kernel counts for us.
func resources(dataDir string, r *runtime.Runtime) admin.Resources {
	var res admin.Resources
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) == nil {
		res.CPUSeconds = seconds(usage.Utime) + seconds(usage.Stime)
	}
	res.ResidentBytes = residentBytes(os.Getpid())
	if r != nil {
		containerd, shims := r.Processes()
		for _, pid := range append(shims, containerd) {
			if pid == 0 {
				continue
			}
			res.ContainerdResidentBytes += residentBytes(pid)
			res.ContainerdCPUSeconds += cpuSeconds(pid)
		}
	}
	var disk unix.Statfs_t
	if unix.Statfs(dataDir, &disk) == nil {
		res.DiskBytes = int64(disk.Blocks-disk.Bfree) * disk.Bsize
		res.DiskFreeBytes = int64(disk.Bavail) * disk.Bsize
	}
	return res
}

func seconds(t unix.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }

// residentBytes is the second field of /proc/PID/statm, in pages (proc(5)).
func residentBytes(pid int) int64 {
	fields := procFields(pid, "statm")
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// cpuSeconds are fields 14 and 15 of /proc/PID/stat, in ticks of 1/100 s
// (USER_HZ on every architecture that Go supports).
func cpuSeconds(pid int) float64 {
	fields := procFields(pid, "stat")
	// The second field, the command in parentheses, may hold spaces: count
	// from the end, where the format has 52 fields.
	if len(fields) < 52 {
		return 0
	}
	fields = fields[len(fields)-52:]
	user, _ := strconv.ParseFloat(fields[13], 64)
	system, _ := strconv.ParseFloat(fields[14], 64)
	return (user + system) / 100
}

func procFields(pid int, file string) []string {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), file))
	if err != nil {
		return nil
	}
	return strings.Fields(string(data))
}
