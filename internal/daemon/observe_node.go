package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	"k8s.io/component-base/metrics/legacyregistry"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump/corepattern"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/layout"
)

// observeNode records what this machine's kernel and container runtime tell, which
// is sooner, and more, than what the kubelet tells the API server.
func (d *Daemon) observeNode(ctx context.Context, access *rest.Config, to journal.Appender, owners func(record.Ref) []record.Ref) {
	if err := d.recordStop(ctx, to); err != nil {
		slog.Error("the last stop is not recorded", "err", err)
	}
	handler, err := runtime.Beside(layout.CoreHandler)
	var limits func() map[string]int64
	if d.config.Enabled(config.ComponentContainment) {
		limits = watchCoreLimits(ctx, access).bytes
	}
	if err == nil {
		err = node.Run(ctx, node.Options{
			NodeName: d.config.NodeName, Append: to.Append, Owners: owners,
			CgroupRoot: d.config.CgroupRoot(), RuntimeEndpoint: d.runtime.Endpoint(),
			KubeletRoot: filepath.Join(d.config.DataDir, "kubelet"), PodLogs: d.config.PodLogsDir(),
			Gatherers: []prometheus.Gatherer{legacyregistry.DefaultGatherer},
			CoreDir:   layout.For(d.config.DataDir).Cores, CoreHandler: handler, CoreLimits: limits,
		})
	}
	if err != nil {
		slog.Error("this node is not observed", "err", err)
	}
}

// recordStop records that this node's containers were ended since its last record,
// which is no failure of theirs.
func (d *Daemon) recordStop(ctx context.Context, to journal.Appender) error {
	select {
	case <-d.runtime.Ready():
	case <-ctx.Done():
		return nil
	}
	stopped, err := d.runtime.Stopped()
	if err != nil || stopped == nil {
		return err
	}
	p := &record.Stop{Reason: record.StopAsked, Until: d.started.UTC()}
	if stopped.Rebooted {
		p.Reason = record.StopRebooted
	}
	name := d.config.NodeName
	if err := to.Append(record.Record{Time: stopped.At.UTC(), Source: "node", Object: record.Ref{Kind: "Node", Name: name}, Node: name, Payload: p}); err != nil {
		return err
	}
	return d.runtime.ForgetStopped()
}

// leaveCores gives back the machine's handling of core dumps, which a daemon that
// was killed has left: nobody reads their reports now.
func (d *Daemon) leaveCores() {
	if err := corepattern.Restore(layout.For(d.config.DataDir).Cores); err != nil {
		slog.Warn("core dumps go on being handled", "err", err)
	}
}

// recallFor is how far back the diagnosis is told again what only the journal knows.
const recallFor = 6 * time.Hour

// recall tells the diagnosis what the API server does not tell again at a start:
// core dumps, and stops of nodes.
func (g *diagnosis) recall() error {
	filter := journal.Filter{From: time.Now().Add(-recallFor), Types: []record.Type{record.TypeCoreDump, record.TypeStop}}
	for r, err := range g.journal.Query(context.Background(), filter) {
		if damage := (*journal.Damage)(nil); errors.As(err, &damage) {
			return nil // what can be read was; the damage is known from the opening
		}
		if err == nil {
			err = g.controller.Append(r)
		}
		if err != nil {
			return fmt.Errorf("tell the diagnosis what the journal has: %w", err)
		}
	}
	return nil
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
