package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump/corepattern"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/cgroupfs"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/pods"
)

const (
	podUID      = "46e2c62c-10d8-488c-925e-b2b54649a566"
	containerID = "07ba5a2a3d8a3a0a6f0d7a3fd0cd1d1b4a8f0f35b1a4e77f54c1a2d9d0c0b1ef"
)

// heap keeps what a node observes.
type heap struct {
	mu  sync.Mutex
	all []record.Record
}

func (h *heap) append(records ...record.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, records...)
	return nil
}

// wait returns the first record that is wanted.
func (h *heap) wait(t *testing.T, what string, wanted func(record.Record) bool) record.Record {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		h.mu.Lock()
		for _, r := range h.all {
			if wanted(r) {
				h.mu.Unlock()
				return r
			}
		}
		h.mu.Unlock()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var seen strings.Builder
	for _, r := range h.all {
		fmt.Fprintf(&seen, "  %s %s %+v\n", r.Object, r.Type(), r.Payload)
	}
	t.Fatalf("%s is not recorded; there are\n%s", what, seen.String())
	return record.Record{}
}

// cgroups makes a cgroup in each hierarchy that has the controller.
func cgroups(t testing.TB, name string) []string {
	t.Helper()
	var all []string
	for _, root := range []string{"/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
		if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
			continue
		}
		dir := filepath.Join(root, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Skipf("no cgroup can be made: %v", err)
		}
		t.Cleanup(func() {
			for path := dir; path != root; path = filepath.Dir(path) {
				if others, err := os.ReadDir(path); err != nil || slices.ContainsFunc(others, os.DirEntry.IsDir) {
					return // the last of several removes what they share
				}
				for range 100 { // until the kernel has let go of the processes
					if err := syscall.Rmdir(path); !errors.Is(err, syscall.EBUSY) {
						break
					}
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
		all = append(all, dir)
	}
	if len(all) == 0 {
		t.Skip("no cgroup file system is mounted")
	}
	return all
}

// run runs a shell command in the cgroups and returns the signal that ended it.
func run(t *testing.T, dirs []string, script string) (pid int, signal syscall.Signal) {
	t.Helper()
	move := ""
	for _, dir := range dirs {
		move += "echo 0 > " + dir + "/cgroup.procs && "
	}
	cmd := exec.Command("sh", "-c", move+script)
	err := cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return cmd.Process.Pid, ended.Sys().(syscall.WaitStatus).Signal()
	}
	t.Fatalf("%s: %v", script, err)
	return 0, 0
}

// TestNode observes real events of one container of a pod: a crash with its core
// dump, a kill for want of memory, a volume that fills.
func TestNode(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root observes a node")
	}
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	root := "/bulkhead-test-node-" + strconv.Itoa(os.Getpid())
	dirs := cgroups(t, root+"/kubepods/burstable/pod"+podUID+"/"+containerID)
	logs, kubelet := t.TempDir(), t.TempDir()
	pod := record.Ref{Kind: "Pod", Namespace: "shop", Name: "web-1", UID: podUID}
	deployment := record.Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	if err := os.Mkdir(filepath.Join(logs, "shop_web-1_"+podUID), 0o755); err != nil {
		t.Fatal(err)
	}
	volume := filepath.Join(kubelet, "pods", podUID, "volumes", "kubernetes.io~empty-dir", "cache")
	if err := os.MkdirAll(volume, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", volume, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("mount a small file system: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(volume, unix.MNT_DETACH) })
	if err := os.WriteFile(filepath.Join(volume, "full"), make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}

	lockCores(t)
	cores, err := os.MkdirTemp("/tmp", "core") // short, for the kernel
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(cores) })
	var seen heap
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{
			NodeName: "n1", Append: seen.append, CgroupRoot: root, PodLogs: logs, KubeletRoot: kubelet,
			Owners:  func(record.Ref) []record.Ref { return []record.Ref{deployment} },
			CoreDir: cores, CoreHandler: handler(t), Cores: coredump.Settings{MinFree: 0.001}, Period: 100 * time.Millisecond,
		})
	}()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if ok, err := corepattern.Installed(cores); ok || err != nil {
			t.Errorf("the handler of core dumps is still installed: %v", err)
		}
	}()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if ok, _ := corepattern.Installed(cores); ok {
			break
		}
		if time.Now().After(deadline) {
			t.Skip("core dumps cannot be handled here")
		}
	}
	time.Sleep(300 * time.Millisecond) // the BPF program is loaded

	pid, signal := run(t, dirs, "kill -ABRT $$")
	if signal != syscall.SIGABRT {
		t.Fatalf("it ended by %v", signal)
	}
	check := func(r record.Record) {
		t.Helper()
		if r.Object != pod || len(r.Owners) != 1 || r.Owners[0] != deployment || r.Node != "n1" {
			t.Errorf("%s is recorded of %+v, owners %+v, node %s", r.Type(), r.Object, r.Owners, r.Node)
		}
		if ago := time.Since(r.Time); ago < 0 || ago > time.Minute {
			t.Errorf("%s is recorded %v ago", r.Type(), ago)
		}
	}
	check(seen.wait(t, "the crash", func(r record.Record) bool {
		p, ok := r.Payload.(*record.Exit)
		return ok && p.PID == pid && p.Signal == int(syscall.SIGABRT) && strings.Contains(p.Message, "core dumped")
	}))
	check(seen.wait(t, "the core dump", func(r record.Record) bool {
		p, ok := r.Payload.(*record.CoreDump)
		return ok && p.PID == pid && p.Signal == int(syscall.SIGABRT) && len(p.Stack) > 1 && p.Kept != "" && p.Threads == 1
	}))
	check(seen.wait(t, "the full volume", func(r record.Record) bool {
		p, ok := r.Payload.(*record.Usage)
		return ok && r.Object.Kind == "Pod" && p.Resource == "disk" && p.Used == p.Capacity && p.Capacity == 8<<20
	}))

	limited := false
	for _, dir := range dirs {
		for _, file := range []string{"memory.limit_in_bytes", "memory.max"} {
			limited = limited || os.WriteFile(filepath.Join(dir, file), []byte("16M"), 0) == nil
		}
	}
	if !limited {
		t.Skip("memory cannot be limited here")
	}
	pid, signal = run(t, dirs, "exec sort /dev/zero")
	if signal != syscall.SIGKILL {
		t.Fatalf("it ended by %v", signal)
	}
	check(seen.wait(t, "the kill", func(r record.Record) bool {
		p, ok := r.Payload.(*record.OOMKill)
		return ok && p.PID == pid && p.LimitBytes == 16<<20 && strings.Contains(p.Cgroup, containerID) && p.Executable == "sort"
	}))
	for _, resource := range []string{"disk", "inodes", "memory", "pids"} {
		seen.wait(t, "the node's "+resource, func(r record.Record) bool {
			p, ok := r.Payload.(*record.Usage)
			return ok && r.Object == record.Ref{Kind: "Node", Name: "n1"} && p.Resource == resource && p.Used > 0 && p.Capacity > p.Used
		})
	}
}

func lockCores(t *testing.T) {
	t.Helper()
	lock, err := os.OpenFile("/tmp/bulkhead-core.lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { lock.Close() })
	for deadline := time.Now().Add(2 * time.Minute); unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Skip("others test core dumps on this machine")
		}
	}
}

func handler(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "bulkhead-core")
	cmd := exec.Command("go", "build", "-o", program, "github.com/bulkhead-k8s/bulkhead/cmd/bulkhead-core")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the handler: %v\n%s", err, out)
	}
	return program
}

func TestRunWantsAName(t *testing.T) {
	if err := Run(t.Context(), Options{}); err == nil {
		t.Error("no error")
	}
}

// many are the containers of 30 pods.
type many struct{ runtime }

func (many) ListContainers(context.Context, *cri.ListContainersRequest) (*cri.ListContainersResponse, error) {
	r := new(cri.ListContainersResponse)
	for i := range 60 {
		r.Containers = append(r.Containers, &cri.Container{Id: fmt.Sprintf("%064x", i+1), Labels: map[string]string{
			"io.kubernetes.pod.name": "web", "io.kubernetes.pod.namespace": "shop", "io.kubernetes.pod.uid": "u", "io.kubernetes.container.name": "app",
		}})
	}
	return r, nil
}

// BenchmarkContainers is one round over 60 containers, as 30 pods with two each
// have, in cgroups of this machine. %core is the processor time over the period of
// 10 s, user and kernel.
func BenchmarkContainers(b *testing.B) {
	root := "/bulkhead-bench-" + strconv.Itoa(os.Getpid())
	for i := range 60 {
		cgroups(b, fmt.Sprintf("%s/kubepods/burstable/pod%s-%012x/%064x", root, podUID[:23], i/2, i+1))
	}
	tree, err := cgroupfs.Open(root)
	if err != nil {
		b.Fatal(err)
	}
	n := &observer{Options: Options{NodeName: "n1", CgroupRoot: root, Append: func(...record.Record) error { return nil }}, tracker: pods.New(many{})}
	if err := n.complete(); err != nil {
		b.Fatal(err)
	}
	states := map[string]*state{}
	before := processorTime(b)
	b.ResetTimer()
	for b.Loop() {
		if err := n.sampleContainers(b.Context(), tree, states, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
	if len(states) != 60 {
		b.Fatalf("%d containers were sampled", len(states))
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N)/float64(n.Period)*100, "%core")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
