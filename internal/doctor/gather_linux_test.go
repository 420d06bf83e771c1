package doctor

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

func hostSettings(t *testing.T) *config.Config {
	t.Helper()
	c := config.Default()
	c.DataDir, c.NodeName, c.NodeIP = filepath.Join(t.TempDir(), "data"), "node", "127.0.0.1"
	if err := c.Complete(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestThisHost(t *testing.T) {
	c := hostSettings(t)
	results := Run(context.Background(), c)
	if len(results) != len(Checks()) {
		t.Errorf("%d results of %d checks", len(results), len(Checks()))
	}
	for _, result := range results {
		t.Logf("%-8s %s", result.Verdict, result)
		if result.Check == "" || result.Found == "" {
			t.Errorf("a result says nothing: %+v", result)
		}
		if result.Check == "data directory" && (result.Verdict != OK || !strings.Contains(result.Found, "can be made")) {
			t.Errorf("a missing folder below a writable one: %s", result)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), filepath.Dir(c.DataDir)) {
		t.Error("the doctor left a mount behind")
	}
	left, err := os.ReadDir(filepath.Dir(c.DataDir))
	if err != nil || len(left) != 0 {
		t.Errorf("the doctor left files behind: %v, %v", left, err)
	}
}

func TestPortHolderIsNamed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c := hostSettings(t)
	c.Simulate = true
	c.HTTPSListenPort = listener.Addr().(*net.TCPAddr).Port
	host := Host{Listeners: gatherListeners(c)}
	holder := host.holder(ports(c)[0])
	if holder == nil || holder.PID != os.Getpid() || holder.Command == "" {
		t.Errorf("holder of our own port: %+v, want this process %d", holder, os.Getpid())
	}
}

func TestLockHolderIsFoundWithoutTakingTheLock(t *testing.T) {
	dir := t.TempDir()
	if pid := LockHolder(dir); pid != 0 {
		t.Errorf("no lock file, held by %d", pid)
	}
	file, err := os.Create(filepath.Join(dir, lockFile))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if pid := LockHolder(dir); pid != 0 {
		t.Errorf("a stale lock file is held by %d", pid)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if pid := LockHolder(dir); pid != os.Getpid() {
		t.Errorf("held by %d, want this process %d", pid, os.Getpid())
	}
}

func TestUnusableDataDirs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below"), "/proc/bulkhead"} {
		c := hostSettings(t)
		c.Simulate, c.DataDir = true, dir
		err := Preflight(context.Background(), c)
		if err == nil || !strings.Contains(err.Error(), "nothing can be written below "+dir) {
			t.Errorf("%s: Preflight = %v", dir, err)
		}
	}
}

func TestExposedFiles(t *testing.T) {
	c := hostSettings(t)
	pki := filepath.Join(c.DataDir, "pki")
	if err := os.MkdirAll(pki, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{
		filepath.Join(pki, "a.pem"): 0o600,
		filepath.Join(pki, "b.pem"): 0o644,
		filepath.Join(pki, "b.crt"): 0o644,
		c.WriteKubeconfig:           0o640,
	} {
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	c.WriteKubeconfigMode = "0640"
	exposed := exposedFiles(c)
	if len(exposed) != 1 || exposed[0].Path != filepath.Join(pki, "b.pem") {
		t.Errorf("exposed: %v, want b.pem alone", exposed)
	}
}
