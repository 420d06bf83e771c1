package daemon

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/component-base/metrics/legacyregistry"

	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump/corepattern"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/layout"
)

// observeNode records what this machine's kernel and container runtime tell, which
// is sooner, and more, than what the kubelet tells the API server.
func (d *Daemon) observeNode(ctx context.Context, g *diagnosis) {
	handler, err := runtime.Beside(layout.CoreHandler)
	if err == nil {
		err = node.Run(ctx, node.Options{
			NodeName: d.config.NodeName, Append: g.intake.Append, Owners: g.watcher.OwnersOf,
			CgroupRoot: d.config.CgroupRoot(), RuntimeEndpoint: d.runtime.Endpoint(),
			KubeletRoot: filepath.Join(d.config.DataDir, "kubelet"), PodLogs: d.config.PodLogsDir(),
			Gatherers: []prometheus.Gatherer{legacyregistry.DefaultGatherer},
			CoreDir:   layout.For(d.config.DataDir).Cores, CoreHandler: handler,
		})
	}
	if err != nil {
		slog.Error("this node is not observed", "err", err)
	}
}

// leaveCores gives back the machine's handling of core dumps, which a daemon that
// was killed has left: nobody reads their reports now.
func (d *Daemon) leaveCores() {
	if err := corepattern.Restore(layout.For(d.config.DataDir).Cores); err != nil {
		slog.Warn("core dumps go on being handled", "err", err)
	}
}

// withPulls adds to the kubelet's Events about images what they say as records.
type withPulls struct{ to journal.Appender }

func (w withPulls) Append(records ...record.Record) error {
	all := slices.Clip(records)
	for _, r := range records {
		if pull, ok := node.PullOf(r); ok {
			all = append(all, pull)
		}
	}
	return w.to.Append(all...)
}
