package exit

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// watch runs a watcher until the test ends.
func watch(t *testing.T, w Watcher) <-chan Event {
	t.Helper()
	events := make(chan Event, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- w.Run(ctx, func(e Event) { events <- e }, func(n uint64) { t.Errorf("%d events were lost", n) })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return events
}

// cgroup makes one below the memory controller (version 1) or in version 2.
func cgroup(t *testing.T, name string) string {
	t.Helper()
	for _, root := range []string{"/sys/fs/cgroup/memory", "/sys/fs/cgroup"} {
		if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
			continue
		}
		dir := filepath.Join(root, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Skipf("no cgroup can be made: %v", err)
		}
		t.Cleanup(func() {
			for path := dir; path != root; path = filepath.Dir(path) {
				for range 100 { // until the kernel has let go of the processes
					if err := syscall.Rmdir(path); !errors.Is(err, syscall.EBUSY) {
						break
					}
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
		return dir
	}
	t.Skip("no cgroup file system is mounted")
	return ""
}

// end starts sleep in the cgroup and ends it by the signal.
func end(t *testing.T, dir string, signal syscall.Signal, attributes *syscall.SysProcAttr) int {
	t.Helper()
	script := `if [ -n "$1" ]; then echo 0 > "$1/cgroup.procs" || exit 3; fi; echo ready; exec sleep 60`
	cmd := exec.Command("sh", "-c", script, "sh", dir)
	cmd.SysProcAttr = attributes
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("start a process: %v", err)
	}
	if _, err := out.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // exec
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	return cmd.Process.Pid
}

func next(t *testing.T, events <-chan Event, pid int) Event {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case e := <-events:
			if e.PID == pid {
				return e
			}
		case <-timeout:
			t.Fatalf("process %d ended, and nobody said so", pid)
		}
	}
}

func open(t testing.TB) *BPF {
	t.Helper()
	b, err := OpenBPF()
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the kernel refuses: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func TestBPF(t *testing.T) {
	b := open(t)
	name := "bulkhead-test-" + strconv.Itoa(os.Getpid())
	dir := cgroup(t, name+"/inner")
	events := watch(t, b)

	pid := end(t, dir, syscall.SIGTERM, nil)
	e := next(t, events, pid)
	if e.Signal != int(syscall.SIGTERM) || e.CoreDumped || e.Main || e.Command != "sleep" {
		t.Errorf("got %+v", e)
	}
	if len(e.Cgroups) < 2 || e.Cgroups[0] != "inner" || e.Cgroups[1] != name {
		t.Errorf("cgroups are %q, want inner and %s", e.Cgroups, name)
	}

	pid = end(t, "", syscall.SIGKILL, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID})
	if e = next(t, events, pid); e.Signal != int(syscall.SIGKILL) || !e.Main {
		t.Errorf("first process of a PID namespace: got %+v", e)
	}
}

func TestBPFIgnoresWhatEndsByItself(t *testing.T) {
	events := watch(t, open(t))
	cmd := exec.Command("sh", "-c", "exit 3")
	cmd.Run()
	pid := end(t, "", syscall.SIGTERM, nil) // later: all before it are there
	for {
		e := <-events
		if e.PID == cmd.Process.Pid {
			t.Fatalf("an exit with code 3 is reported: %+v", e)
		}
		if e.PID == pid {
			return
		}
	}
}

// BenchmarkExit is one process's whole life with the program attached, or not.
func BenchmarkExit(b *testing.B) {
	run := func(b *testing.B) {
		for b.Loop() {
			exec.Command("true").Run()
		}
	}
	b.Run("without", run)
	b.Run("with", func(b *testing.B) { open(b); run(b) })
}
