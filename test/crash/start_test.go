package crash

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/test/cluster"
)

func TestPortInUse(t *testing.T) {
	m := newMachine(t, simulated())
	listener, err := m.Net.Listen("127.0.0.1:6443")
	m.must(err)
	said := m.refused()
	m.mentions(said, "6443", "--https-listen-port")
	m.untouched()
	m.must(listener.Close())
	m.up()
}

// untouched fails the test if a refused start has left anything.
func (m *machine) untouched() {
	m.Helper()
	entries, err := os.ReadDir(m.Config.DataDir)
	m.must(err)
	for _, entry := range entries {
		m.Errorf("the refused start has left %s in the data directory", entry.Name())
	}
}

func TestDataDirectoryThatCannotBeWritten(t *testing.T) {
	m := newMachine(t, simulated())
	dir := m.Config.DataDir
	m.must(unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, "size=1g")) // so that space is not the reason
	said := m.refused()
	m.must(unix.Unmount(dir, 0))
	m.mentions(said, dir, "--data-dir", "read-only")
}

func TestDataDirectoryOfANewerVersion(t *testing.T) {
	m := newMachine(t, simulated())
	m.up()
	m.must(m.Stop(m.ctx))
	path := filepath.Join(m.Config.DataDir, "version")
	written, err := os.ReadFile(path)
	m.must(err)
	m.must(os.WriteFile(path, []byte(`{"format":99,"bulkhead":"v9.9.9","kubernetes":"v9.9.9"}`), 0o600))
	m.mentions(m.refused(), "v9.9.9", "99")
	if now, _ := os.ReadFile(path); !strings.Contains(string(now), "99") {
		t.Error("the older version has overwritten the newer one's mark")
	}
	m.must(os.WriteFile(path, written, 0o600))
	m.up()
}

// A killed daemon leaves its lock file and its sockets.
func TestStaleSocketsAndLock(t *testing.T) {
	m := newMachine(t, simulated())
	m.must(os.WriteFile(filepath.Join(m.Config.DataDir, "lock"), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600))
	m.must(os.MkdirAll(filepath.Join(m.Config.DataDir, "run"), 0o700))
	for _, name := range []string{"bulkheadd.sock", "etcd-main.sock", "etcd-events.sock", "containerd.sock"} {
		socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(m.Config.DataDir, "run", name)})
		m.must(err)
		socket.SetUnlinkOnClose(false)
		m.must(socket.Close())
	}
	m.up()
}

func TestHalfWrittenCertificates(t *testing.T) {
	m := newMachine(t, simulated())
	m.up()
	m.must(m.Stop(m.ctx))
	pki := filepath.Join(m.Config.DataDir, "pki")
	paths, err := filepath.Glob(filepath.Join(pki, "*.pem"))
	m.must(err)
	damaged := 0
	for _, path := range paths {
		data, err := os.ReadFile(path)
		m.must(err)
		if strings.HasSuffix(path, "-ca.pem") {
			continue
		}
		m.must(os.WriteFile(path, data[:len(data)/2], 0o600))
		damaged++
	}
	if damaged < 5 {
		t.Fatalf("only %d certificates were found in %s", damaged, pki)
	}
	m.must(os.WriteFile(filepath.Join(pki, "client-ca.crt"), nil, 0o600)) // derived
	m.up()
	_, err = m.client().CoreV1().Namespaces().List(m.ctx, metav1.ListOptions{})
	m.must(err)
	m.must(m.Stop(m.ctx))

	// An authority is not made anew: all that it signed would be void.
	authority := filepath.Join(pki, "client-ca.pem")
	data, err := os.ReadFile(authority)
	m.must(err)
	m.must(os.WriteFile(authority, data[:len(data)/2], 0o600))
	m.mentions(m.refused(), authority, "bulkhead reset")
	m.must(os.WriteFile(authority, data, 0o600))
	m.up()
}

func TestSecondUpIsANoOp(t *testing.T) {
	m := newMachine(t, simulated())
	flags := append(m.Flags(), "--update-kubeconfig=false")
	first := m.bulkhead(append([]string{"up"}, flags...)...)
	pid := m.daemonPID()
	started := time.Now()
	second := m.bulkhead(append([]string{"up"}, flags...)...)
	if took := time.Since(started); took > cluster.Patience(2*time.Second) {
		t.Errorf("the second up took %s", took)
	}
	m.mentions(second, strconv.Itoa(pid))
	if now := m.daemonPID(); now != pid {
		t.Errorf("the daemon was %d and is %d", pid, now)
	}
	t.Logf("first: %s\nsecond: %s", first, second)

	// A second daemon refuses and does not harm the first.
	m.mentions(m.refused(), strconv.Itoa(pid), m.Config.DataDir)
	if now := m.daemonPID(); now != pid {
		t.Errorf("the daemon was %d and is %d", pid, now)
	}
	m.bulkhead("down", "--data-dir", m.Config.DataDir)
	m.bulkhead("down", "--data-dir", m.Config.DataDir)
	if left, err := m.Processes(); err != nil || len(left) > 0 {
		t.Errorf("after down, there is %v, %v", left, err)
	}
}

// bulkhead runs the command that people type and returns what it said.
func (m *machine) bulkhead(args ...string) string {
	m.Helper()
	ctx, cancel := context.WithTimeout(m.ctx, cluster.Patience(startLimit))
	defer cancel()
	cmd, err := m.Command(ctx, "bulkhead", args...)
	m.must(err)
	cmd.Env = append(os.Environ(), "HOME="+m.TempDir(), "KUBECONFIG=")
	said, err := cmd.CombinedOutput()
	if err != nil {
		m.Fatalf("bulkhead %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return string(said)
}

// daemonPID asks the daemon itself, which may not be a child of the tests.
func (m *machine) daemonPID() int {
	m.Helper()
	client := m.Admin()
	defer client.Close()
	status, err := client.Status(m.ctx)
	m.must(err)
	return status.PID
}

func TestFullDisk(t *testing.T) {
	m := newMachine(t, simulated())
	dir := m.Config.DataDir
	m.must(unix.Mount("tmpfs", dir, "tmpfs", 0, "size=600m,mode=0700"))
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	m.up()
	client := m.client()
	acknowledged := newLedger()

	// Full while it runs: writes fail, what was acknowledged stays.
	ballast := filepath.Join(dir, "ballast")
	m.must(fill(ballast))
	ctx, cancel := context.WithTimeout(m.ctx, 8*time.Second)
	for writer := range 4 {
		acknowledged.write(ctx, client, writer)
	}
	cancel()
	m.Kill()

	// Full at the start: one line, before anything is changed.
	m.mentions(m.refused(), dir, "free")
	m.must(os.Remove(ballast))
	m.up()
	list, err := client.CoreV1().ConfigMaps("default").List(m.ctx, metav1.ListOptions{LabelSelector: "written=yes"})
	m.must(err)
	found := map[string]string{}
	for _, item := range list.Items {
		found[item.Name] = item.Data["content"]
	}
	t.Logf("%d writes were acknowledged while the disk filled", acknowledged.len())
	for name, content := range acknowledged.writes {
		if found[name] != content {
			t.Errorf("%s was acknowledged with %q and is %q", name, content, found[name])
		}
	}
	ctx, cancel = context.WithTimeout(m.ctx, 2*time.Second)
	defer cancel()
	acknowledged.write(ctx, client, 9)
	if acknowledged.len() == len(found) {
		t.Error("with space again, nothing is written")
	}
}

// fill takes all space that is left beside path.
func fill(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	block := make([]byte, 1<<20)
	for size := len(block); size > 0; {
		n, err := file.Write(block[:size])
		if err != nil && n == 0 {
			size /= 2
		}
	}
	return nil
}

func TestOrdinaryUser(t *testing.T) {
	m := newMachine(t, cluster.Options{User: nobody})
	m.needsReachablePrograms()
	m.mentions(m.refused(), "root", "--simulate")
	m.untouched()
}

func TestOrdinaryUserSimulates(t *testing.T) {
	m := newMachine(t, cluster.Options{User: nobody, Simulate: true})
	m.needsReachablePrograms()
	m.up()
	client := m.client()
	nodes, err := client.CoreV1().Nodes().List(m.ctx, metav1.ListOptions{})
	m.must(err)
	if len(nodes.Items) != 3 {
		t.Errorf("there are %d simulated nodes, want 3", len(nodes.Items))
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.daemonPID()))
	m.must(err)
	if !bytes.Contains(data, fmt.Appendf(nil, "Uid:\t%d", nobody)) {
		t.Error("the daemon does not run as the ordinary user")
	}
	m.simulatedPodRuns()
	m.Kill()
	m.up()
	m.simulatedPodRuns()
	m.must(m.Down(m.ctx, false))
}

func (m *machine) needsReachablePrograms() {
	m.Helper()
	cmd, err := m.Command(m.ctx, "bulkheadd", "version")
	m.must(err)
	if said, err := cmd.CombinedOutput(); err != nil {
		m.Skipf("an ordinary user cannot run %s: %v: %s", cmd.Path, err, said)
	}
}
