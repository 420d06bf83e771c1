package coredump

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump/corefile"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump/corepattern"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump/stack"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/cgrouppath"
)

// handlerMemory is where the handler begins to save memory: it runs when
// something is wrong already.
const handlerMemory = 256 << 20

// crash is what the kernel tells of a core.
type crash struct {
	pid, thread, signal int
	time                time.Time
	command             string
}

func parseArguments(a []string) (crash, error) {
	if len(a) != 5 {
		return crash{}, fmt.Errorf("want 5 arguments (%s), as the kernel gives them, got %d", strings.TrimSpace(corepattern.Arguments), len(a))
	}
	var numbers [4]int64
	for i := range numbers {
		n, err := strconv.ParseInt(a[i], 10, 64)
		if err != nil {
			return crash{}, fmt.Errorf("argument %d: %w", i+1, err)
		}
		numbers[i] = n
	}
	c := crash{pid: int(numbers[0]), thread: int(numbers[1]), signal: int(numbers[2]), time: time.Unix(numbers[3], 0), command: a[4]}
	// The kernel's time has no fractions; ours is later by what a program's start takes.
	if now := time.Now(); now.Sub(c.time) < 2*time.Second {
		c.time = now
	}
	return c, nil
}

// Handle is the handler's main function: the kernel runs the program that lies in
// the directory of cores with the arguments of Install and the core as its input.
func Handle(executable string, args []string, core *os.File) error {
	if len(args) == 1 && args[0] == checkFlag {
		return nil
	}
	c, err := parseArguments(args)
	if err != nil {
		return err
	}
	debug.SetMemoryLimit(handlerMemory)
	// A process without cgroups is nobody's, so the machine's, like any other.
	groups, _ := os.ReadFile("/proc/" + strconv.Itoa(c.pid) + "/cgroup")
	return directory(filepath.Dir(executable)).of(string(groups)).handle(c, string(groups), core)
}

func (d directory) handle(c crash, groups string, core *os.File) error {
	began := time.Now()
	s, settingsErr := d.load()
	r := Report{Time: c.time.UTC(), PID: c.pid, Signal: c.signal, Executable: c.command}
	if path, err := os.Readlink("/proc/" + strconv.Itoa(c.pid) + "/exe"); err == nil {
		r.Executable = strings.TrimSuffix(path, " (deleted)")
	}
	r.First = first(c.pid)
	place := cgrouppath.OfProcess(groups)
	r.PodUID, r.ContainerID = place.PodUID, place.ContainerID
	// A restarted container has another id: what limits it is its pod and program.
	key := fileName(r.PodUID + keySeparator + filepath.Base(r.Executable))
	look, others, err := d.admit(key, c.time, s)
	if err != nil {
		return errors.Join(settingsErr, err)
	}
	r.Others = others
	if !look {
		if others == 0 {
			return settingsErr
		}
		r.Dropped = fmt.Sprintf("more than %d cores in %v: not looked at", s.Burst, s.Window)
		return errors.Join(settingsErr, d.save(r))
	}
	release := d.slot(s.AtOnce)
	if release == nil {
		r.Dropped = fmt.Sprintf("%d other cores were being looked at", s.AtOnce)
		return errors.Join(settingsErr, d.save(r))
	}
	defer release()
	// The pipe may stall: what has not been done by then is left out. A pipe that
	// a Go program gets as its input has no deadlines; closing it in the end does.
	ctx, cancel := context.WithTimeout(context.Background(), s.Timeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- d.look(&r, core, key, s) }()
	select {
	case err = <-done:
	case <-ctx.Done():
		return errors.Join(settingsErr, d.save(Report{Time: r.Time, PID: r.PID, First: r.First, Signal: r.Signal, Executable: c.command,
			PodUID: r.PodUID, ContainerID: r.ContainerID, Others: others, Dropped: fmt.Sprintf("it took longer than %v", s.Timeout)}))
	}
	r.Took = time.Since(began)
	return errors.Join(settingsErr, err, d.save(r))
}

// first says whether a process is number 1 in a PID namespace below the machine's.
func first(pid int) bool {
	status, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	for line := range strings.Lines(string(status)) {
		if numbers, ok := strings.CutPrefix(line, "NSpid:"); ok {
			all := strings.Fields(numbers)
			return len(all) > 1 && all[len(all)-1] == "1"
		}
	}
	return false
}

// look fills in the report from the process and its core, and keeps the core.
func (d directory) look(r *Report, core io.Reader, key string, s Settings) error {
	head, err := corefile.Read(core)
	if err == nil {
		r.Bytes, r.Threads = head.Bytes, len(head.Threads)
		err = readStack(r, head, s.Frames)
	}
	if s.Drop {
		r.Dropped = "cores are not kept here, by configuration"
		return err
	}
	order := fmt.Sprintf("%020d-%d", r.Time.UnixNano(), r.PID)
	path, keepErr := d.keep(io.MultiReader(strings.NewReader(string(head.Raw)), core), key, order, s)
	if keepErr != nil {
		r.Dropped = keepErr.Error()
		return err
	}
	r.Kept = path
	return err
}

func readStack(r *Report, head *corefile.Head, frames int) error {
	if len(head.Threads) == 0 {
		return errors.New("the core has no threads")
	}
	p, err := stack.Open(r.PID, head.Machine)
	if err != nil {
		return err
	}
	defer p.Close()
	r.Stack = p.Walk(head.Threads[0].Registers, frames)
	return nil
}
