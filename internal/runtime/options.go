package runtime

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/bulkhead-k8s/bulkhead/internal/stages"
)

// Options is what a Runtime needs to know. Only DataDir and CgroupRoot have no
// default.
type Options struct {
	// DataDir is the daemon's data directory; everything lies below it, save
	// the shims' sockets (see package layout).
	DataDir string
	// CgroupRoot is the cgroup, as "/name", below which the kubelet puts the
	// pods. containerd itself goes there too, so that a reset finds all.
	CgroupRoot string
	// Snapshotter is overlayfs or native. Default overlayfs.
	Snapshotter string
	// PodCIDR is this node's range of pod addresses, if it is known already, or
	// two separated by a comma, of IPv4 and IPv6. Default: that of the last run,
	// or none until WriteCNIConfig.
	PodCIDR string
	// ClusterCIDR is the range of all pods' addresses: traffic to it keeps its
	// source address. Default: PodCIDR.
	ClusterCIDR string
	// Overhead is how many bytes the network between nodes adds to a pod's packets,
	// for which pods leave room. Default 0.
	Overhead int
	// Executable is containerd and its shim when it is called by their names,
	// and is used where BinDir does not have these. Default: this process's own
	// (os.Executable).
	Executable string
	// BinDir has bulkhead-containerd, bulkhead-containerd-shim, runc and
	// cni/{bridge,host-local,portmap}. Default: the directory of Executable;
	// where it has no runc, the host's is used.
	BinDir string
	// Stages records how the start goes; may be nil.
	Stages *stages.Tracker
	// Logger receives what happens later. Default slog.Default().
	Logger *slog.Logger
}

// complete fills the defaults and refuses what cannot work.
func (o *Options) complete() error {
	if !filepath.IsAbs(o.DataDir) {
		return fmt.Errorf("runtime: data directory %q: want an absolute path", o.DataDir)
	}
	if !filepath.IsAbs(o.CgroupRoot) || o.CgroupRoot == "/" {
		return fmt.Errorf("runtime: cgroup %q: want a name of our own such as /bulkhead", o.CgroupRoot)
	}
	if o.Snapshotter == "" {
		o.Snapshotter = "overlayfs"
	}
	if o.Snapshotter != "overlayfs" && o.Snapshotter != "native" {
		return fmt.Errorf("runtime: snapshotter %q: want overlayfs or native", o.Snapshotter)
	}
	for _, cidr := range []string{o.PodCIDR, o.ClusterCIDR} {
		if cidr == "" {
			continue
		}
		if _, err := parseCIDRs(cidr); err != nil {
			return fmt.Errorf("runtime: %w", err)
		}
	}
	if o.Executable == "" {
		executable, err := ownExecutable()
		if err != nil {
			return err
		}
		o.Executable = executable
	}
	if o.BinDir == "" {
		o.BinDir = filepath.Dir(o.Executable)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return nil
}

// ErrNotReady indicates that containerd does not answer (yet).
var ErrNotReady = errors.New("containerd is not ready")
