// Package exit tells which processes of this machine were ended by a signal, with
// the cgroup that they were in.
//
// Two mechanisms: a BPF program on the kernel's tracepoint sched_process_exit,
// which passes on only what a signal ended, and, where the kernel refuses it, the
// process connector of netlink, which tells of every start and end.
//
// Its one rule: the cgroup comes from the kernel at the time of the exit where it
// can, since a process that has ended has no /proc entry to ask any more, and in
// cgroup version 1 even a dying one shows the root.
package exit

import (
	"context"
	"time"
)

// Event is the end of a process by a signal.
type Event struct {
	Time       time.Time
	PID        int
	Signal     int
	CoreDumped bool
	// Command is the process's name as the kernel keeps it, 15 bytes at most.
	Command string
	// Main says that it was the first process of its PID namespace, other than
	// the machine's: the main process of a container.
	Main bool
	// Cgroups are the names of its cgroup and of those above, innermost first;
	// empty if they are not known.
	Cgroups []string
}

// Watcher is one mechanism.
type Watcher interface {
	// Name is the mechanism's, as eBPF.
	Name() string
	// Run calls f for each event until ctx ends, one after the other. Those that
	// could not be passed on since f was too slow are told to lost.
	Run(ctx context.Context, f func(Event), lost func(uint64)) error
}
