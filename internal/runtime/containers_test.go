package runtime_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/runtime"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/process"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/reset"
)

// The life of a node's containers: they start, outlive us, outlive containerd,
// stop with their grace, and leave nothing.
func TestContainersOutliveUsAndContainerd(t *testing.T) {
	for name, programs := range map[string][]string{
		"programs of their own": {"bulkhead-containerd", "bulkhead-containerd-shim"},
		"one executable":        nil,
	} {
		t.Run(name, func(t *testing.T) {
			node := newNode(t)
			for _, program := range programs {
				linkBuilt(t, node.options.BinDir, program)
			}
			testLife(t, node)
		})
	}
}

func testLife(t *testing.T, node *node) {
	first := node.run(t)
	images, err := first.ImportImages(t.Context(), gzipped(t, guestArchive(t, "guest:1")))
	if err != nil {
		t.Fatal(err)
	}
	if len(images) != 1 || images[0].Name != "docker.io/library/guest:1" || images[0].SizeBytes == 0 {
		t.Errorf("imported %+v, want guest:1 by its full name", images)
	}
	listed, err := first.ListImages(t.Context())
	if err != nil || len(listed) != 2 || listed[0].Name != runtime.SandboxImage {
		t.Errorf("images are %+v, %v; want the sandbox's and guest:1", listed, err)
	}

	began := time.Now()
	pod := node.runPod(t, "one")
	t.Logf("pod's container runs after %v", time.Since(began).Round(time.Millisecond))
	if got := node.exec(t, pod.container, "/guest", "say", "hello"); got != "hello" {
		t.Errorf("exec says %q", got)
	}
	if !netip.MustParsePrefix(podCIDR).Contains(pod.address) {
		t.Errorf("pod's address is %v", pod.address)
	}

	// We end and come back.
	containerd, shims := first.Processes()
	if len(shims) != 1 {
		t.Errorf("shims are %v, want one for the pod", shims)
	}
	t.Logf("containerd: %s", resident(t, containerd))
	t.Logf("shim: %s", resident(t, shims[0]))
	first.stop(t)
	second := node.run(t)
	if adopted, _ := second.Processes(); adopted != containerd {
		t.Errorf("containerd is process %d, want %d to be kept", adopted, containerd)
	}
	if got := node.exec(t, pod.container, "/guest", "say", "again"); got != "again" {
		t.Errorf("exec after our restart says %q", got)
	}

	// containerd dies and comes back.
	if err := syscall.Kill(containerd, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "containerd is started again", func() error {
		running, _ := second.Processes()
		if running == 0 || running == containerd {
			return errors.New("not yet")
		}
		_, err := second.Version(t.Context())
		return err
	})
	status, err := node.client(t).ContainerStatus(t.Context(), &cri.ContainerStatusRequest{ContainerId: pod.container})
	if err != nil || status.Status.State != cri.ContainerState_CONTAINER_RUNNING {
		t.Fatalf("container after containerd's end: %+v, %v", status, err)
	}
	if got := node.exec(t, pod.container, "/guest", "say", "still"); got != "still" {
		t.Errorf("exec after containerd's end says %q", got)
	}

	// Containers stop in their own way.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := second.StopPods(ctx); err != nil {
		t.Fatal(err)
	}
	status, err = node.client(t).ContainerStatus(t.Context(), &cri.ContainerStatusRequest{ContainerId: pod.container})
	if err != nil || status.Status.ExitCode != 7 {
		t.Errorf("container ended as %+v, %v; want its own exit code 7", status, err)
	}
	if err := second.StopContainerd(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-second.ended; err != nil {
		t.Errorf("Run ended with %v", err)
	}
	second.ended <- nil
	node.reset(t)
}

// After kill -9 of everything that could clean up, reset finds and removes it.
func TestResetWhenNobodyCouldCleanUp(t *testing.T) {
	node := newNode(t)
	other := newNode(t) // on the same machine; it keeps all that is its own
	running := node.run(t)
	if _, err := running.ImportImages(t.Context(), guestArchive(t, "guest:1")); err != nil {
		t.Fatal(err)
	}
	pod := node.runPod(t, "one")
	bystander := other.bystander(t)
	running.stop(t)
	found, err := process.Find(node.paths.Owner())
	if err != nil || len(found) != 2 {
		t.Fatalf("processes are %+v, %v; want containerd and a shim", found, err)
	}
	for _, p := range found {
		if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join("/proc", pod.pid, "exe")); err != nil {
		t.Fatalf("the container should still run: %v", err)
	}

	plan, err := reset.Find(t.Context(), node.target())
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[reset.Kind]int{}
	for _, item := range plan.Items {
		kinds[item.Kind]++
	}
	for _, kind := range []reset.Kind{reset.KindProcess, reset.KindMount, reset.KindInterface, reset.KindTable, reset.KindCgroup, reset.KindFile} {
		if kinds[kind] == 0 {
			t.Errorf("the plan has no %s: %v", kind, plan.Items)
		}
	}
	node.reset(t)
	if err := bystander.Signal(0); err != nil {
		t.Errorf("a process in another node's cgroup: %v", err)
	}
	if _, err := os.Stat(other.paths.ShimSockets); err != nil {
		t.Errorf("another node's sockets: %v", err)
	}
}

// A reset that keeps data leaves the host as after a reboot: images stay, and a
// pod of them runs again.
func TestResetThatKeepsData(t *testing.T) {
	node := newNode(t)
	running := node.run(t)
	if _, err := running.ImportImages(t.Context(), guestArchive(t, "guest:1")); err != nil {
		t.Fatal(err)
	}
	first := node.runPod(t, "one")
	running.stop(t)
	target := node.target()
	target.KeepData = true
	plan, err := reset.Find(t.Context(), target)
	if err == nil {
		err = plan.Apply(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	if plan, err = reset.Find(t.Context(), target); err != nil || len(plan.Items) > 0 {
		t.Errorf("left after the reset: %v, %v", plan.Items, err)
	}
	if _, err := os.Stat(filepath.Join("/proc", first.pid)); err == nil {
		t.Errorf("the container runs on as process %s", first.pid)
	}

	running = node.run(t)
	if listed, err := running.ListImages(t.Context()); err != nil || len(listed) != 2 {
		t.Errorf("images: %+v, %v; want the sandbox's and guest:1", listed, err)
	}
	status, err := node.client(t).ContainerStatus(t.Context(), &cri.ContainerStatusRequest{ContainerId: first.container})
	if err != nil || status.Status.State != cri.ContainerState_CONTAINER_EXITED {
		t.Errorf("container of before: %v, %v; want it to have ended", status, err)
	}
	again := node.runPod(t, "two")
	if got := node.exec(t, again.container, "/guest", "say", "again"); got != "again" {
		t.Errorf("exec says %q", got)
	}
}

// A start that cannot succeed ends, and says why.
func TestStartThatFails(t *testing.T) {
	node := newNode(t)
	node.options.Executable = "/bin/false"
	r, err := runtime.New(node.options)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "containerd ended during its start") {
		t.Errorf("Run = %v", err)
	}
	// A full directory where the database should be.
	node = newNode(t)
	if err := os.MkdirAll(filepath.Join(node.paths.Root, "io.containerd.metadata.v1.bolt", "meta.db", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if r, err = runtime.New(node.options); err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "meta.db") {
		t.Errorf("Run = %v, want containerd's own reason", err)
	}
}

// After a reboot the state of containers that no longer run is not taken up.
func TestRebootForgetsContainers(t *testing.T) {
	node := newNode(t)
	stale := filepath.Join(node.paths.State, "io.containerd.runtime.v2.task", "k8s.io", "dead")
	for path, content := range map[string]string{
		node.paths.BootID:               "another-boot\n",
		filepath.Join(stale, "address"): "unix:///nowhere",
		filepath.Join(node.paths.CNIState, "bulkhead", "10.42.0.2"): "dead",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	node.run(t)
	for _, path := range []string{stale, filepath.Join(node.paths.CNIState, "bulkhead", "10.42.0.2")} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is still there", path)
		}
	}
}

func TestImportTakesEveryFormat(t *testing.T) {
	node := newNode(t)
	r := node.run(t)
	var zstandard bytes.Buffer
	writer, err := zstd.NewWriter(&zstandard)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write(guestArchiveBytes(t, "registry.example/zstd:1")); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	for name, archive := range map[string][]byte{
		"docker.io/library/oci:1":    guestArchiveBytes(t, "oci:1"),
		"registry.example/zstd:1":    zstandard.Bytes(),
		"docker.io/library/docker:1": dockerArchiveBytes(t, "docker:1"),
		// The same name once more, as after a rebuild.
		"docker.io/library/oci:1 ": guestArchiveBytes(t, "oci:1"),
	} {
		images, err := r.ImportImages(t.Context(), bytes.NewReader(archive))
		if err != nil || len(images) != 1 || images[0].Name != strings.TrimSpace(name) {
			t.Errorf("%s was imported as %+v, %v", name, images, err)
		}
	}
	listed, err := r.ListImages(t.Context())
	if err != nil || len(listed) != 4 {
		t.Errorf("images: %+v, %v; want the sandbox's and three more", listed, err)
	}
}

func TestImportRefusesWhatIsNoImage(t *testing.T) {
	node := newNode(t)
	r := node.run(t)
	for name, archive := range map[string][]byte{
		"text":    []byte("hello"),
		"nothing": nil,
		"torn":    guestArchiveBytes(t, "guest:1")[:4096],
	} {
		if images, err := r.ImportImages(t.Context(), bytes.NewReader(archive)); err == nil {
			t.Errorf("%s was imported as %+v", name, images)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	waiting, err := runtime.New(newNode(t).options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := waiting.ListImages(ctx); !errors.Is(err, runtime.ErrNotReady) {
		t.Errorf("list without containerd: %v, want ErrNotReady", err)
	}
}

func gzipped(t *testing.T, plain *bytes.Reader) *bytes.Reader {
	t.Helper()
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	if _, err := plain.WriteTo(writer); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(compressed.Bytes())
}
