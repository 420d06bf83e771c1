package node

import (
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump"
)

// Options say what is observed. NodeName and Append have no defaults.
type Options struct {
	NodeName string
	// Append takes records; it does not block. A core's report whose record it
	// refuses is given again later; other records are then lost, and it is for
	// Append to count them.
	Append func(records ...record.Record) error

	// CgroupRoot is the cgroup below which the kubelet has its pods. Default "/".
	CgroupRoot string
	// RuntimeEndpoint is the container runtime's, as unix:///run/containerd.sock.
	// Without it, records name pods only as far as their logs do, and containers
	// not at all.
	RuntimeEndpoint string
	// KubeletRoot is the kubelet's directory. Default /var/lib/kubelet.
	KubeletRoot string
	// PodLogs is where containers' logs are. Default /var/log/pods.
	PodLogs string
	// Filesystems are directories whose file systems are the node's; those that
	// are one file system count once. Default KubeletRoot and "/".
	Filesystems []string
	// Owners gives the controllers above a pod, nearest first, where they are
	// known. Default: none.
	Owners func(pod record.Ref) []record.Ref
	// Gatherers are the metrics of the components in this process. Default: none.
	Gatherers []prometheus.Gatherer

	// CoreDir is the directory of core dumps; CoreHandler the program that takes
	// them from the kernel. Default: cores are not taken.
	CoreDir     string
	CoreHandler string
	Cores       coredump.Settings
	// CoreLimits are what is left, here, to the core dumps of workloads that are held,
	// as Deployment/shop/web. Default: none is held.
	CoreLimits func() map[string]int64

	// Period is that of the samples. Default 10 s. Disks and metrics are looked at
	// less often.
	Period time.Duration
	// Log is for what sources say of themselves. Default slog's.
	Log *slog.Logger
}

const (
	diskPeriod    = time.Minute
	metricsPeriod = 30 * time.Second
)

func (o *Options) complete() error {
	if o.NodeName == "" || o.Append == nil {
		return errors.New("observe the node: a name of the node and a function for records are needed")
	}
	set(&o.CgroupRoot, "/")
	set(&o.KubeletRoot, "/var/lib/kubelet")
	set(&o.PodLogs, "/var/log/pods")
	set(&o.Period, 10*time.Second)
	if o.Filesystems == nil {
		o.Filesystems = []string{o.KubeletRoot, "/"}
	}
	if o.Owners == nil {
		o.Owners = func(record.Ref) []record.Ref { return nil }
	}
	if o.CoreLimits == nil {
		o.CoreLimits = func() map[string]int64 { return nil }
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return nil
}

func set[T comparable](v *T, standard T) {
	var zero T
	if *v == zero {
		*v = standard
	}
}
