package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump/corepattern"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/cgrouppath"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/crilog"
)

// logLines is how many last lines of a container's log a core's record has.
const logLines = 50

// cores handles this machine's core dumps, and records the handler's reports.
func (n *observer) cores(ctx context.Context) (err error) {
	if err := coredump.Install(n.CoreDir, n.CoreHandler, n.Cores); err != nil {
		return err
	}
	n.Log.Info("core dumps are handled", "dir", n.CoreDir)
	defer func() { err = errors.Join(err, corepattern.Restore(n.CoreDir)) }()
	return coredump.Watch(ctx, n.CoreDir, func(r coredump.Report) error {
		return n.record(n.core(ctx, r))
	}, func(err error) { n.Log.Warn("a report of a core dump waits", "err", err) })
}

func (n *observer) core(ctx context.Context, report coredump.Report) record.Record {
	r := record.Record{Time: report.Time, Source: "core", Object: n.ref()}
	p := &record.CoreDump{
		Signal: report.Signal, PID: report.PID, Executable: report.Executable, Bytes: report.Bytes,
		Kept: report.Kept, Dropped: report.Dropped, Threads: report.Threads, Stack: report.Stack,
	}
	if report.Others > 0 {
		p.Dropped = fmt.Sprintf("%s; %d more since the report before", p.Dropped, report.Others)
		if report.Kept != "" {
			p.Dropped = fmt.Sprintf("%d others since the report before", report.Others)
		}
	}
	c, ok := n.whose(ctx, cgrouppath.Place{PodUID: report.PodUID, ContainerID: report.ContainerID})
	if ok {
		r.Object, p.Container = c.Pod, c.Name
	}
	if c.Name != "" {
		dir := filepath.Join(n.PodLogs, c.Pod.Namespace+"_"+c.Pod.Name+"_"+c.Pod.UID, c.Name)
		lines, err := crilog.Tail(dir, c.Restarts, report.Time, logLines)
		if err != nil {
			n.Log.Warn("a core dump has no log", "pod", c.Pod.String(), "err", err)
		}
		p.Log = lines
	}
	r.Payload = p
	return r
}
