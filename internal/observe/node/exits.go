package node

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/cgrouppath"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/exit"
)

// crashes are signals that a process gets for its own fault. Others are sent, as
// at the end of each shell script in a container.
var crashes = map[syscall.Signal]bool{
	syscall.SIGILL: true, syscall.SIGTRAP: true, syscall.SIGABRT: true, syscall.SIGBUS: true, syscall.SIGFPE: true,
	syscall.SIGSEGV: true, syscall.SIGSYS: true, syscall.SIGXCPU: true, syscall.SIGXFSZ: true,
}

// exits records processes that were ended by a signal.
func (n *observer) exits(ctx context.Context) error {
	watcher, done, err := openExits()
	if err != nil {
		return err
	}
	defer done()
	n.Log.Info("ends of processes are observed", "by", watcher.Name())
	return watcher.Run(ctx, func(e exit.Event) {
		place := cgrouppath.OfNames(e.Cgroups)
		if !worth(e, place) || n.others(place) {
			return
		}
		r := record.Record{Time: e.Time, Source: "kernel", Object: n.ref()}
		p := &record.Exit{Signal: e.Signal, PID: e.PID, Executable: e.Command, Message: message(e)}
		if c, ok := n.whose(ctx, place); ok {
			if c.Sandbox {
				return // it ends with its pod, always by a signal
			}
			r.Object, p.Container = c.Pod, c.Name
		}
		r.Payload = p
		n.emit(r)
	}, func(lost uint64) {
		n.Log.Warn("more processes ended than could be followed", "lost", lost)
	})
}

// openExits prefers BPF: it costs nothing for processes that end by themselves,
// and knows the cgroup for sure.
func openExits() (exit.Watcher, func(), error) {
	bpf, err := exit.OpenBPF()
	if err == nil {
		return bpf, bpf.Close, nil
	}
	connector, err2 := exit.OpenConnector()
	if err2 == nil {
		return connector, connector.Close, nil
	}
	return nil, nil, errors.Join(err, err2)
}

// worth says whether an end is recorded: of a container's main process any, of
// others only crashes.
func worth(e exit.Event, p cgrouppath.Place) bool {
	return p.PodUID != "" && e.Main || crashes[syscall.Signal(e.Signal)]
}

func message(e exit.Event) string {
	text := "the container's main process"
	if !e.Main {
		text = "a process beside the main process"
	}
	if len(e.Cgroups) == 0 || cgrouppath.OfNames(e.Cgroups).PodUID == "" {
		text = "a process of no pod"
	}
	if e.CoreDumped {
		text += ", core dumped"
	}
	return fmt.Sprintf("%s (%s)", text, e.Command)
}
