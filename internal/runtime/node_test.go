package runtime_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	ggcrname "github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/image"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/cgroup"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/layout"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/netfilter"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/process"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/reset"
	"github.com/bulkhead-k8s/bulkhead/internal/stages"
)

const podCIDR = "10.42.0.0/24"

// node is a data directory and all that belongs to it.
type node struct {
	options runtime.Options
	paths   layout.Paths
}

func newNode(t *testing.T) *node {
	t.Helper()
	bin := binDir(t)
	directory, err := os.MkdirTemp("/tmp", "bh-runtime-") // t.TempDir is too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	n := &node{
		options: runtime.Options{
			DataDir:     directory,
			CgroupRoot:  "/bulkhead-test-" + strings.ToLower(rand.Text()[:8]),
			PodCIDR:     podCIDR,
			ClusterCIDR: "10.42.0.0/16",
			BinDir:      bin,
		},
		paths: layout.For(directory),
	}
	t.Cleanup(func() {
		plan, err := reset.Find(context.Background(), n.target())
		if err == nil {
			err = plan.Apply(context.Background())
		}
		if err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return n
}

func (n *node) target() reset.Target {
	return reset.Target{DataDir: n.options.DataDir, CgroupRoot: n.options.CgroupRoot}
}

// running is a Runtime in its Run.
type running struct {
	*runtime.Runtime
	cancel context.CancelFunc
	ended  chan error
}

func (n *node) run(t *testing.T) *running {
	t.Helper()
	options := n.options
	options.Stages = stages.New()
	r, err := runtime.New(options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	result := &running{Runtime: r, cancel: cancel, ended: make(chan error, 1)}
	began := time.Now()
	go func() { result.ended <- r.Run(ctx) }()
	t.Cleanup(func() { result.stop(t) })
	select {
	case <-r.Ready():
		if _, err := r.ListImages(t.Context()); err != nil { // waits for the sandbox image
			t.Fatal(err)
		}
		t.Logf("ready after %v", time.Since(began).Round(time.Millisecond))
		for _, stage := range options.Stages.List() {
			t.Logf("  %s: %v", stage.Name, stage.Duration().Round(time.Millisecond))
		}
	case err := <-result.ended:
		result.ended <- err
		log, _ := os.ReadFile(n.paths.Log)
		t.Fatalf("Run ended: %v\n%s", err, log)
	case <-time.After(time.Minute):
		log, _ := os.ReadFile(n.paths.Log)
		t.Fatalf("not ready after a minute\n%s", log)
	}
	return result
}

// stop ends Run, as the end of the daemon does; it may be called again.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	select {
	case err := <-r.ended:
		if err != nil {
			t.Errorf("Run ended with %v", err)
		}
		r.ended <- nil
	case <-time.After(30 * time.Second):
		t.Error("Run goes on after its context has ended")
	}
}

func (n *node) connection(t *testing.T) *grpc.ClientConn {
	t.Helper()
	connection, err := grpc.NewClient("unix://"+n.paths.Socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

func (n *node) client(t *testing.T) cri.RuntimeServiceClient {
	return cri.NewRuntimeServiceClient(n.connection(t))
}

type pod struct {
	sandbox, container string
	address            netip.Addr
	pid                string // of the container
}

// runPod runs a pod with one container of guest:1, as the kubelet does.
func (n *node) runPod(t *testing.T, name string, ports ...*cri.PortMapping) pod {
	t.Helper()
	ctx, client := t.Context(), n.client(t)
	config := &cri.PodSandboxConfig{
		Metadata:     &cri.PodSandboxMetadata{Name: name, Uid: name, Namespace: "test"},
		Hostname:     name,
		LogDirectory: n.options.DataDir,
		PortMappings: ports,
		Linux:        &cri.LinuxPodSandboxConfig{CgroupParent: n.options.CgroupRoot + "/kubepods/pod" + name},
	}
	sandbox, err := client.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: config})
	if err != nil {
		t.Fatalf("run sandbox: %v\n%s", err, n.log())
	}
	container, err := client.CreateContainer(ctx, &cri.CreateContainerRequest{
		PodSandboxId: sandbox.PodSandboxId, SandboxConfig: config,
		Config: &cri.ContainerConfig{
			Metadata:    &cri.ContainerMetadata{Name: "guest"},
			Image:       &cri.ImageSpec{Image: "guest:1"},
			LogPath:     name + ".log",
			Annotations: map[string]string{"io.kubernetes.pod.terminationGracePeriod": "20"},
			Linux:       &cri.LinuxContainerConfig{},
		},
	})
	if err != nil {
		t.Fatalf("create container: %v\n%s", err, n.log())
	}
	if _, err := client.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: container.ContainerId}); err != nil {
		t.Fatalf("start container: %v\n%s", err, n.log())
	}
	eventually(t, "the container says that it is up", func() error {
		log, err := os.ReadFile(filepath.Join(n.options.DataDir, name+".log"))
		if err == nil && !bytes.Contains(log, []byte("up")) {
			err = fmt.Errorf("its log is %q", log)
		}
		return err
	})
	status, err := client.PodSandboxStatus(ctx, &cri.PodSandboxStatusRequest{PodSandboxId: sandbox.PodSandboxId})
	if err != nil {
		t.Fatal(err)
	}
	address, err := netip.ParseAddr(status.Status.GetNetwork().GetIp())
	if err != nil {
		t.Fatal(err)
	}
	details, err := client.ContainerStatus(ctx, &cri.ContainerStatusRequest{ContainerId: container.ContainerId, Verbose: true})
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(details.Info["info"], `"pid":`)
	pid, _, _ := strings.Cut(rest, ",")
	return pod{sandbox.PodSandboxId, container.ContainerId, address, pid}
}

func (n *node) log() string {
	log, _ := os.ReadFile(n.paths.Log)
	return string(log[max(0, len(log)-4000):])
}

func (n *node) exec(t *testing.T, container string, command ...string) string {
	t.Helper()
	response, err := n.client(t).ExecSync(t.Context(), &cri.ExecSyncRequest{ContainerId: container, Cmd: command, Timeout: 20})
	if err != nil {
		t.Fatalf("exec %v: %v", command, err)
	}
	if response.ExitCode != 0 {
		t.Fatalf("exec %v: exit code %d, %s", command, response.ExitCode, response.Stderr)
	}
	return string(response.Stdout)
}

// bystander starts a process in the node's cgroup, and makes its socket
// directory.
func (n *node) bystander(t *testing.T) *process.Handle {
	t.Helper()
	if err := os.MkdirAll(n.paths.ShimSockets, 0o700); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("sleep", "300")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	handle, err := process.Open(command.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = handle.Kill(context.Background()); _ = handle.Close() })
	group, err := cgroup.Open(n.options.CgroupRoot)
	if err != nil {
		t.Fatal(err)
	}
	if err := group.Create("leaf"); err != nil {
		t.Fatal(err)
	}
	for _, path := range group.Paths() {
		if err := os.WriteFile(filepath.Join(path, "leaf", "cgroup.procs"), []byte(strconv.Itoa(handle.PID())), 0); err != nil {
			t.Fatal(err)
		}
	}
	return handle
}

// reset removes the node and checks that nothing is left of it.
func (n *node) reset(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	plan, err := reset.Find(ctx, n.target())
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Apply(ctx); err != nil {
		t.Errorf("reset: %v", err)
	}
	if plan, err = reset.Find(ctx, n.target()); err != nil || len(plan.Items) > 0 {
		t.Errorf("left after a reset: %v, %v", plan.Items, err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || bytes.Contains(mounts, []byte(n.options.DataDir)) {
		t.Errorf("mounts are left: %v\n%s", err, mounts)
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range interfaces {
		if link.Name == layout.Bridge || strings.HasPrefix(link.Name, "veth") {
			t.Errorf("interface %s is left", link.Name)
		}
	}
	// Nothing else is in this network namespace, so all of it would be ours.
	if tables, err := netfilter.Tables(ctx); err != nil || len(tables) > 0 {
		t.Errorf("packet filter tables are left: %v, %v", tables, err)
	}
	for _, path := range []string{n.options.DataDir, n.paths.ShimSockets} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is left", path)
		}
	}
}

var guest = sync.OnceValues(func() ([]byte, error) {
	directory, err := os.MkdirTemp("", "guest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(directory)
	path := filepath.Join(directory, "guest")
	build := exec.Command("go", "build", "-o", path, "./testdata/guest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the tests' guest: %w\n%s", err, output)
	}
	return os.ReadFile(path)
})

func guestImage(t *testing.T) v1.Image {
	t.Helper()
	program, err := guest()
	if err != nil {
		t.Fatal(err)
	}
	built, err := image.FromFiles([]image.File{{Path: "/guest", Mode: 0o755, Content: program}}, image.Config{Entrypoint: []string{"/guest"}})
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// guestArchiveBytes returns an OCI archive of an image with the guest.
func guestArchiveBytes(t *testing.T, name string) []byte {
	t.Helper()
	var archive bytes.Buffer
	if err := image.WriteArchive(&archive, map[string]v1.Image{name: guestImage(t)}); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

// dockerArchiveBytes returns the same as docker save writes it.
func dockerArchiveBytes(t *testing.T, name string) []byte {
	t.Helper()
	tag, err := ggcrname.NewTag(name)
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := tarball.Write(tag, guestImage(t), &archive); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

func guestArchive(t *testing.T, name string) *bytes.Reader {
	return bytes.NewReader(guestArchiveBytes(t, name))
}

// resident describes the memory of a process that is in RAM: what is its own,
// and what is the executable's and shared by all that run it.
func resident(t *testing.T, pid int) string {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for line := range strings.Lines(string(status)) {
		if name, value, _ := strings.Cut(line, ":"); strings.HasPrefix(name, "VmRSS") || strings.HasPrefix(name, "Rss") {
			parts = append(parts, name+" "+strings.Join(strings.Fields(value), " "))
		}
	}
	return strings.Join(parts, ", ")
}

// eventually waits, up to half a minute, for something that other processes do.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
