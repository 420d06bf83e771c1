package reset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime/cgroup"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/process"
)

const (
	// containerdGrace is for closing its database.
	containerdGrace = 10 * time.Second
	agentGrace      = time.Second
	// killRounds bounds how often we look for processes that appeared while we
	// were killing.
	killRounds = 20
	killWait   = 10 * time.Second
)

// processes are containerd, its shims, and all that is in our cgroup.
type processes struct {
	owner process.Owner
	group *cgroup.Group
}

func (p processes) find(context.Context) ([]Item, error) {
	running, err := process.Find(p.owner)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(running, func(a, b process.Process) int { return strings.Compare(string(a.Kind), string(b.Kind)) })
	var items []Item
	var named []int
	for _, found := range running {
		named = append(named, found.PID)
		items = append(items, Item{KindProcess, fmt.Sprintf("%d %s %s", found.PID, found.Kind, found.ID)})
	}
	contained, err := p.contained()
	if err != nil {
		return nil, err
	}
	for _, pid := range contained {
		if !slices.Contains(named, pid) {
			items = append(items, Item{KindProcess, fmt.Sprintf("%d %s", pid, command(pid))})
		}
	}
	for i := range items {
		items[i].Name = strings.TrimSpace(items[i].Name)
	}
	return items, nil
}

// contained returns the processes in our cgroup but us, should we be in it.
func (p processes) contained() ([]int, error) {
	pids, err := p.group.Processes()
	return slices.DeleteFunc(pids, func(pid int) bool { return pid == os.Getpid() }), err
}

func command(pid int) string {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}

// remove ends a local node's agent and containerd first, so that nothing new is
// started; then the shims, so that none runs a cleanup of its own beside ours; then
// the containers.
func (p processes) remove(ctx context.Context) error {
	var errs []error
	for _, kind := range []process.Kind{process.Agent, process.Containerd, process.Shim} {
		running, err := process.Find(p.owner)
		if err != nil {
			return err
		}
		for _, found := range running {
			if found.Kind == kind {
				errs = append(errs, p.end(ctx, found))
			}
		}
	}
	for range killRounds {
		pids, err := p.contained()
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		if len(pids) == 0 {
			return errors.Join(errs...)
		}
		if err := killAll(ctx, pids); err != nil {
			return errors.Join(append(errs, err)...)
		}
	}
	return errors.Join(append(errs, errors.New("processes in our cgroup keep appearing; is a daemon still running?"))...)
}

func (p processes) end(ctx context.Context, found process.Process) error {
	handle, err := p.owner.Open(found)
	if errors.Is(err, process.ErrEnded) {
		return nil
	}
	if err != nil {
		return err
	}
	defer handle.Close()
	switch found.Kind {
	case process.Agent: // it has no state that an end in order would save
		return handle.End(ctx, agentGrace)
	case process.Containerd:
		return handle.End(ctx, containerdGrace)
	}
	return kill(ctx, handle)
}

// killAll kills processes and waits until they are gone. They are in our cgroup;
// a number that passed on meanwhile is not, so each is looked for again there
// by the caller.
func killAll(ctx context.Context, pids []int) error {
	var handles []*process.Handle
	defer func() {
		for _, handle := range handles {
			_ = handle.Close()
		}
	}()
	for _, pid := range pids {
		handle, err := process.Open(pid)
		if errors.Is(err, process.ErrEnded) {
			continue
		}
		if err != nil {
			return err
		}
		handles = append(handles, handle)
	}
	for _, handle := range handles {
		if err := kill(ctx, handle); err != nil {
			return err
		}
	}
	return nil
}

func kill(ctx context.Context, handle *process.Handle) error {
	ctx, cancel := context.WithTimeout(ctx, killWait)
	defer cancel()
	if err := handle.Kill(ctx); err != nil {
		return fmt.Errorf("kill process %d (%s): %w", handle.PID(), command(handle.PID()), err)
	}
	return nil
}

func cgroups(group *cgroup.Group) phase {
	return phase{
		find: func(context.Context) ([]Item, error) {
			var items []Item
			for _, path := range group.Paths() {
				items = append(items, Item{KindCgroup, path})
			}
			return items, nil
		},
		remove: func(ctx context.Context) error {
			// A cgroup stays busy for a moment after its last process has ended.
			var err error
			for delay := time.Millisecond; delay < time.Second; delay *= 2 {
				if err = group.Remove(); err == nil {
					return nil
				}
				select {
				case <-time.After(delay):
				case <-ctx.Done():
					return err
				}
			}
			return err
		},
	}
}
