package coredump

import (
	"context"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump/corepattern"
)

// machine is this machine's handling of cores, for one test.
type machine struct {
	dir     string
	reports chan Report
}

// install builds the handler and puts it into core_pattern until the test's end.
func install(t *testing.T, s Settings) *machine {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root handles core dumps")
	}
	lock, err := os.OpenFile("/tmp/bulkhead-core.lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Skip(err)
	}
	for deadline := time.Now().Add(2 * time.Minute); unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Skip("others test core dumps on this machine")
		}
	}
	t.Cleanup(func() { lock.Close() })
	before, err := corepattern.Current()
	if err != nil {
		t.Skip(err)
	}
	if s.MinFree == 0 {
		s.MinFree, s.Spare = 0.001, 1 // the machine's disk may be rather full
	}
	dir := short(t)
	program := buildHandler(t)
	handler, err := Install(dir, program, "", s)
	if errors.Is(err, ErrTaken) || errors.Is(err, os.ErrPermission) {
		t.Skip(err)
	}
	if err != nil || handler != dir {
		t.Fatalf("the handler is %q: %v", handler, err)
	}
	m := &machine{dir: dir, reports: make(chan Report, 1000)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Watch(ctx, dir, func(r Report) error { m.reports <- r; return nil }, func(err error) { t.Error(err) })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err := Uninstall(dir, dir); err != nil {
			t.Error(err)
		}
		if after, err := corepattern.Current(); err != nil || after != before {
			t.Errorf("the setting was %q and is %q (%v)", before, after, err)
		}
	})
	return m
}

// short is a directory whose path is not too long for the kernel, as t.TempDir's is.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "core")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func buildHandler(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "bulkhead-core")
	cmd := exec.Command("go", "build", "-o", program, "github.com/bulkhead-k8s/bulkhead/cmd/bulkhead-core")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the handler: %v\n%s", err, out)
	}
	return program
}

func (m *machine) next(t *testing.T) Report {
	t.Helper()
	select {
	case r := <-m.reports:
		return r
	case <-time.After(30 * time.Second):
		t.Fatal("no report of the core came")
		return Report{}
	}
}

const (
	podUID      = "46e2c62c-10d8-488c-925e-b2b54649a566"
	containerID = "07ba5a2a3d8a3a0a6f0d7a3fd0cd1d1b4a8f0f35b1a4e77f54c1a2d9d0c0b1ef"
)

// container makes a cgroup that is named like a container's.
func container(t *testing.T) string {
	t.Helper()
	for _, root := range []string{"/sys/fs/cgroup/memory", "/sys/fs/cgroup"} {
		if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
			continue
		}
		dir := filepath.Join(root, "bulkhead-test-core-"+strconv.Itoa(os.Getpid()), "kubepods", "pod"+podUID, containerID)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Skip(err)
		}
		t.Cleanup(func() {
			for path := dir; path != root; path = filepath.Dir(path) {
				for range 100 {
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

// crashIn runs a program in a cgroup; it has to end by the signal.
func crashIn(t *testing.T, dir string, signal syscall.Signal, program string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", `if [ -n "$1" ]; then echo 0 > "$1/cgroup.procs"; fi; shift; exec "$@"`, "sh", dir, program}, args...)...)
	cmd.Env = append(os.Environ(), "GOTRACEBACK=crash")
	err := cmd.Run()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.Sys().(syscall.WaitStatus).Signal() != signal {
		t.Fatalf("%s %v: got %v, want the end by %v", program, args, err, signal)
	}
	return cmd
}

func compileC(t *testing.T, flags ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "crasher")
	out, err := exec.Command("gcc", append([]string{"-O1", "-o", program, "testdata/abort.c", "-lpthread"}, flags...)...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("no C compiler is installed")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// inOrder says whether there are frames that begin so, in this order.
func inOrder(stack []string, wanted ...string) bool {
	for _, frame := range stack {
		if len(wanted) > 0 && strings.HasPrefix(frame, wanted[0]) {
			wanted = wanted[1:]
		}
	}
	return len(wanted) == 0
}

func TestCrashes(t *testing.T) {
	m := install(t, Settings{Burst: 100})
	dir := container(t)
	plain := compileC(t)
	debug := compileC(t, "-g")
	static := compileC(t, "-static")
	golang := filepath.Join(t.TempDir(), "crash")
	if out, err := exec.Command("go", "build", "-o", golang, "./testdata/crash").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, c := range map[string]struct {
		signal  syscall.Signal
		program string
		arg     string
		stack   []string
		threads int
	}{
		"abort":             {syscall.SIGABRT, plain, "abort", []string{"abort+", "inner+", "middle+", "main+"}, 4},
		"null pointer":      {syscall.SIGSEGV, plain, "segv", []string{"inner+", "middle+", "main+"}, 4},
		"jump to nowhere":   {syscall.SIGSEGV, plain, "jump", []string{"0x", "inner+", "middle+", "main+"}, 4},
		"with debug info":   {syscall.SIGABRT, debug, "abort", []string{"inner at testdata/abort.c:9", "middle at testdata/abort.c:", "main at testdata/abort.c:"}, 4},
		"statically linked": {syscall.SIGABRT, static, "abort", []string{"inner+", "middle+", "main+"}, 4},
		"a panic of Go":     {syscall.SIGABRT, golang, "x", []string{"runtime.raise", "runtime.fatalpanic", "main.pour at crash/main.go:7", "main.main at crash/main.go:11"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := crashIn(t, dir, c.signal, c.program, c.arg)
			r := m.next(t)
			if r.PID != cmd.Process.Pid || r.Signal != int(c.signal) || r.Executable != c.program || r.PodUID != podUID || r.ContainerID != containerID {
				t.Errorf("got %+v", r)
			}
			if c.threads != 0 && r.Threads != c.threads {
				t.Errorf("%d threads, want %d", r.Threads, c.threads)
			}
			if !inOrder(r.Stack, c.stack...) {
				t.Errorf("the stack is\n  %s\nand should have in it, in order,\n  %s", strings.Join(r.Stack, "\n  "), strings.Join(c.stack, "\n  "))
			}
			t.Logf("held up for %v:\n  %s", r.Took, strings.Join(r.Stack, "\n  "))
			checkCore(t, r)
		})
	}
}

// checkCore says whether the kept core is whole.
func checkCore(t *testing.T, r Report) {
	t.Helper()
	info, err := os.Stat(r.Kept)
	if err != nil {
		t.Fatalf("kept %q (%q): %v", r.Kept, r.Dropped, err)
	}
	if info.Size() != r.Bytes || allocated(info) > info.Size() {
		t.Errorf("%d bytes, on the disk %d; the kernel announced %d", info.Size(), allocated(info), r.Bytes)
	}
	f, err := elf.Open(r.Kept)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// TestNode wants the native frames of Node.js and V8 around generated code.
func TestNode(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed")
	}
	m := install(t, Settings{})
	crashIn(t, "", syscall.SIGABRT, node, "-e", "function sink() { process.abort() }; sink()")
	r := m.next(t)
	t.Logf("held up for %v, %d MiB, %q %q:\n  %s", r.Took, r.Bytes>>20, r.Kept, r.Dropped, strings.Join(r.Stack, "\n  "))
	if !inOrder(r.Stack, "abort+", "node::Abort", "v8::internal::", "Builtins_JSEntry", "v8::Function::Call", "node::Start", "_start+") {
		t.Errorf("the stack is\n  %s", strings.Join(r.Stack, "\n  "))
	}
	checkCore(t, r)
}

func TestStripped(t *testing.T) {
	m := install(t, Settings{})
	crashIn(t, "", syscall.SIGABRT, compileC(t, "-s"), "abort")
	r := m.next(t)
	// The program's own functions have no names left; the frames are there.
	if !inOrder(r.Stack, "abort+", "0x", "0x", "0x") || !strings.Contains(strings.Join(r.Stack, "\n"), "(crasher+0x") {
		t.Errorf("the stack is\n  %s", strings.Join(r.Stack, "\n  "))
	}
	if r.PodUID != "" || r.ContainerID != "" {
		t.Errorf("a process of no pod is given to %s %s", r.PodUID, r.ContainerID)
	}
}

func TestRateLimit(t *testing.T) {
	m := install(t, Settings{Burst: 2, Window: time.Hour})
	program, dir := compileC(t), container(t)
	began := time.Now()
	for range 7 {
		crashIn(t, dir, syscall.SIGABRT, program, "abort")
	}
	t.Logf("7 crashes took %v", time.Since(began))
	var looked, counted int
	for range 3 {
		r := m.next(t)
		if r.Kept != "" && len(r.Stack) > 0 {
			looked++
		} else if strings.Contains(r.Dropped, "more than 2 cores") && r.Others == 1 {
			counted++
		} else {
			t.Errorf("got %+v", r)
		}
	}
	if looked != 2 || counted != 1 {
		t.Errorf("%d were looked at and %d reported as counted, want 2 and 1", looked, counted)
	}
	time.Sleep(200 * time.Millisecond)
	if n := len(m.reports); n != 0 {
		t.Errorf("%d more reports than one in %v", n, tell)
	}
}

func TestQuota(t *testing.T) {
	m := install(t, Settings{Burst: 100, MaxBytes: 20 << 20, ContainerBytes: 40 << 20, TotalBytes: 64 << 20, MinFree: 0.001, Spare: 1})
	program, dir := compileC(t), container(t)
	var paths []string
	for range 5 {
		crashIn(t, dir, syscall.SIGABRT, program, "abort", "12")
		r := m.next(t)
		if r.Kept == "" {
			t.Fatalf("dropped: %s", r.Dropped)
		}
		paths = append(paths, r.Kept)
	}
	all, err := directory(m.dir).list()
	if err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, k := range all {
		total += k.bytes
	}
	if total == 0 || total > 40<<20 {
		t.Errorf("%d cores take %d MiB of 40", len(all), total>>20)
	}
	for i, path := range paths {
		_, err := os.Stat(path)
		if last := i >= len(paths)-len(all); last != (err == nil) {
			t.Errorf("core %d of %d: %v; only the latest %d should be there", i+1, len(paths), err, len(all))
		}
	}
	crashIn(t, dir, syscall.SIGABRT, program, "abort", "30")
	if r := m.next(t); r.Kept != "" || !strings.Contains(r.Dropped, "larger than the 20 MiB") || len(r.Stack) == 0 {
		t.Errorf("a core of 30 MiB: got %+v", r)
	}
}

// TestFullDisk fills a file system of its own.
func TestFullDisk(t *testing.T) {
	m := install(t, Settings{Burst: 100})
	kept := directory(m.dir).kept()
	if err := unix.Mount("none", kept, "tmpfs", 0, "size=16m"); err != nil {
		t.Skipf("mount a small file system: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(kept, unix.MNT_DETACH) })
	crashIn(t, "", syscall.SIGABRT, compileC(t), "abort", "30")
	r := m.next(t)
	if r.Kept != "" || !strings.Contains(r.Dropped, "disk") || len(r.Stack) == 0 {
		t.Errorf("got %+v", r)
	}
	if left, _ := os.ReadDir(kept); len(left) != 0 {
		t.Errorf("%d files are left", len(left))
	}
}

func TestDaemonDown(t *testing.T) {
	m := install(t, Settings{Burst: 100})
	d := directory(m.dir)
	refused := errors.New("no")
	if err := d.save(Report{PID: 1, Time: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if m.next(t).PID != 1 {
		t.Error("another report came")
	}
	// One that is refused stays.
	other := directory(t.TempDir())
	if err := os.MkdirAll(other.reports(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := other.save(Report{PID: 2, Time: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := other.take(func(Report) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	got := 0
	if err := other.take(func(r Report) error { got = r.PID; return nil }); err != nil || got != 2 {
		t.Errorf("got %d, %v", got, err)
	}
}

func TestInstallAgainAndRestore(t *testing.T) {
	m := install(t, Settings{})
	d := directory(m.dir)
	former := corepattern.Before(m.dir)
	// After a crash of the daemon.
	if handler, err := Install(m.dir, d.handler(), "", Settings{Burst: 7}); err != nil || handler != m.dir {
		t.Fatalf("the handler is %q: %v", handler, err)
	}
	if got := corepattern.Before(m.dir); got != former {
		t.Errorf("the former setting was %q and is %q", former, got)
	}
	if s, err := d.load(); err != nil || s.Burst != 7 || s.AtOnce != 2 {
		t.Errorf("settings: %+v, %v", s, err)
	}
	if _, err := Install(short(t), d.handler(), "/", Settings{}); !errors.Is(err, ErrTaken) {
		t.Errorf("a second daemon whose pods cannot be told: got %v, want ErrTaken", err)
	}
}
