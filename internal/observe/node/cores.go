package node

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/cgrouppath"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/crilog"
)

// logLines is how many last lines of a container's log a core's record has.
const logLines = 50

// sharedPeriod is how often it is looked whether another Bulkhead still handles
// this machine's cores, and ours among them.
const sharedPeriod = 5 * time.Second

// cores handles this machine's core dumps, and records the handler's reports.
func (n *observer) cores(ctx context.Context) error {
	for {
		handler, err := coredump.Install(n.CoreDir, n.CoreHandler, n.CgroupRoot, n.Cores)
		if err != nil {
			return err
		}
		if handler == n.CoreDir {
			n.Log.Info("core dumps are handled", "dir", n.CoreDir)
		} else {
			n.Log.Info("core dumps are handled by another Bulkhead on this machine, which passes on those of the pods here", "dir", handler)
		}
		err = n.coresBy(ctx, handler)
		if err = errors.Join(err, coredump.Uninstall(n.CoreDir, handler)); err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// coresBy records reports until ctx ends or another Bulkhead's handler is gone.
func (n *observer) coresBy(ctx context.Context, handler string) error {
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	var looking sync.WaitGroup
	defer looking.Wait()
	if handler != n.CoreDir {
		looking.Go(func() {
			defer cancel()
			_ = every(within, sharedPeriod, func(time.Time) error {
				if !coredump.InPlace(n.CoreDir, handler) {
					return errGone
				}
				return nil
			})
		})
	}
	err := coredump.Watch(within, n.CoreDir, func(r coredump.Report) error {
		return n.record(n.core(within, r))
	}, func(err error) { n.Log.Warn("a report of a core dump waits", "err", err) })
	cancel()
	if within.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

var errGone = errors.New("the handler of core dumps is gone")

func (n *observer) core(ctx context.Context, report coredump.Report) record.Record {
	r := record.Record{Time: report.Time, Source: "core", Object: n.ref()}
	p := &record.CoreDump{
		Signal: report.Signal, PID: report.PID, Executable: report.Executable, Bytes: report.Bytes,
		Kept: report.Kept, Dropped: report.Dropped, Threads: report.Threads, Stack: report.Stack, Others: report.Others,
	}
	c, ok := n.whose(ctx, cgrouppath.Place{PodUID: report.PodUID, ContainerID: report.ContainerID})
	if ok {
		r.Object, p.Container = c.Pod, c.Name
	}
	if c.Name != "" {
		dir := filepath.Join(n.PodLogs, c.Pod.Namespace+"_"+c.Pod.Name+"_"+c.Pod.UID, c.Name)
		crilog.Settle(ctx, dir, c.Restarts)
		until := report.Time
		if report.First {
			until = time.Time{} // nothing but its last words can follow
		}
		lines, err := crilog.Tail(dir, c.Restarts, until, logLines)
		if err != nil {
			n.Log.Warn("a core dump has no log", "pod", c.Pod.String(), "err", err)
		}
		p.Log = lines
	}
	r.Payload = p
	return r
}
