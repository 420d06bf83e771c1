package crash

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-k8s/bulkhead/test/cluster"
)

func TestDownAndUpAgain(t *testing.T) {
	m := newMachine(t, cluster.Options{})
	m.up()
	m.load()
	first := m.run("web")
	networks, err := m.PodNetworks()
	m.must(err)
	if len(networks) == 0 {
		t.Error("the pod has no network of its own: the test looks at the wrong place")
	}

	// With its pods kept, down is a restart that takes its time.
	m.must(m.Down(m.ctx, true))
	m.must(m.answers(first))
	m.up()
	kept := m.ready("web")
	if containerOf(kept) != containerOf(first) {
		t.Errorf("down --keep-pods: the container was %s and is %s", containerOf(first), containerOf(kept))
	}

	m.must(m.Down(m.ctx, false))
	if left, err := m.Processes(); err != nil || len(left) > 0 {
		t.Errorf("after down, there is %v, %v", left, err)
	}
	if m.answers(first) == nil {
		t.Error("after down, the pod answers")
	}
	if named := cluster.NamedNetworks(networks); len(named) > 0 {
		t.Errorf("after down, networks of pods are left: %v", named)
	}
	m.up()
	m.ready("web")
}

func TestResetLeavesNothing(t *testing.T) {
	m := newMachine(t, cluster.Options{})
	m.up()
	m.load()
	m.run("web")
	networks, err := m.PodNetworks()
	m.must(err)
	for what, there := range m.traces() {
		if len(there) == 0 && what != "log links" && what != "core dumps' handler" {
			t.Errorf("before reset, there are no %s: the test looks at the wrong place", what)
		}
	}
	// The worst case: the daemon is dead and its containers go on.
	m.Kill()
	m.bulkhead("reset", "--yes", "--data-dir", m.Config.DataDir)
	for what, left := range m.traces() {
		if len(left) > 0 {
			t.Errorf("after reset, %s are left: %v", what, left)
		}
	}
	if named := cluster.NamedNetworks(networks); len(named) > 0 {
		t.Errorf("after reset, networks of pods are left: %v", named)
	}
	if _, err := os.Stat(m.Config.DataDir); !os.IsNotExist(err) {
		t.Errorf("after reset, the data directory is there: %v", err)
	}
	// A new cluster starts where the old one was.
	m.up()
}

// traces are what a cluster leaves on the machine outside of its files.
func (m *machine) traces() map[string][]string {
	m.Helper()
	traces := map[string][]string{"cgroups": m.Cgroups()}
	processes, err := m.Processes()
	m.must(err)
	for _, process := range processes {
		traces["processes"] = append(traces["processes"], process.Command)
	}
	traces["mounts"], err = m.Mounts()
	m.must(err)
	traces["interfaces"] = m.inNetwork("ip", "-o", "link")
	traces["tables"] = m.inNetwork("nft", "list", "tables")
	traces["socket folders"] = []string{}
	sum := sha256.Sum256([]byte(m.Config.DataDir))
	if folder := filepath.Join("/run/bulkhead", hex.EncodeToString(sum[:4])); exists(folder) {
		traces["socket folders"] = []string{folder}
	}
	traces["log links"] = []string{}
	links, _ := filepath.Glob("/var/log/containers/*")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, m.Config.DataDir) {
			traces["log links"] = append(traces["log links"], link)
		}
	}
	traces["core dumps' handler"] = m.coreHandler()
	return traces
}

// coreHandler is what the kernel runs for core dumps if that is of this cluster.
func (m *machine) coreHandler() (ours []string) {
	m.Helper()
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	m.must(err)
	if strings.Contains(string(pattern), m.Config.DataDir+"/") {
		ours = append(ours, strings.TrimSpace(string(pattern)))
	}
	return ours
}

// Who handled core dumps before does so again once the daemon has stopped, also
// where it was killed.
func TestCoreDumpsAreHandledAsBefore(t *testing.T) {
	m := newMachineAlone(t, cluster.Options{})
	installed := func() {
		t.Helper()
		m.eventually(30*time.Second, "core dumps are handled", func() error {
			if len(m.coreHandler()) == 0 {
				return os.ErrNotExist
			}
			return nil
		})
	}
	before, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	m.must(err)
	if strings.Contains(string(before), "/cores/handler ") {
		t.Skip("another Bulkhead on this machine handles core dumps")
	}
	m.up()
	installed()
	m.must(m.Down(m.ctx, false))
	m.sameCores(before, "down")

	m.up()
	installed()
	m.Kill()
	if len(m.coreHandler()) == 0 {
		t.Error("after a kill, core dumps are lost: the handler should stay until the daemon is back")
	}
	m.up()
	installed()
	m.Kill()
	m.bulkhead("down", "--data-dir", m.Config.DataDir)
	m.sameCores(before, "a kill and down")
}

func (m *machine) sameCores(before []byte, after string) {
	m.Helper()
	now, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	m.must(err)
	if string(now) != string(before) {
		m.Errorf("after %s, core dumps go to %q, before to %q", after, now, before)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// inNetwork runs a program in the cluster's network and returns its lines, but
// for those of what belongs to the network itself.
func (m *machine) inNetwork(program string, args ...string) []string {
	m.Helper()
	out, err := m.Net.Command(m.ctx, program, args...).Output()
	m.must(err)
	var lines []string
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.Contains(line, " lo: ") || strings.Contains(line, " eth0@") || strings.Contains(line, " ifb") {
			continue
		}
		lines = append(lines, line)
	}
	return lines
}

func TestRebootBringsPodsBack(t *testing.T) {
	m := newMachine(t, cluster.Options{})
	m.up()
	m.load()
	first := m.run("web")
	m.reboot()

	m.up()
	m.eventually(40*time.Second, "the pod runs in a new container", func() error {
		pod := m.ready("web")
		if containerOf(pod) == containerOf(first) {
			return os.ErrExist
		}
		return nil
	})
	second := m.ready("web")
	if second.UID != first.UID || second.Status.ContainerStatuses[0].RestartCount == 0 {
		t.Errorf("the pod was %s and is %s, with %d restarts", first.UID, second.UID, second.Status.ContainerStatuses[0].RestartCount)
	}
	m.run("second")
}

// reboot ends every process, forgets mounts, networks and what is in /run, and the
// kernel has another boot id. What is in the data directory stays.
func (m *machine) reboot() {
	m.Helper()
	m.Kill()
	m.eventually(10*time.Second, "all processes have ended", func() error {
		left, err := m.Processes()
		for _, process := range left {
			_ = unix.Kill(process.PID, unix.SIGKILL)
		}
		if err == nil && len(left) > 0 {
			err = os.ErrExist
		}
		return err
	})
	mounts, err := m.Mounts()
	m.must(err)
	for _, mount := range mounts {
		m.must(unix.Unmount(mount, unix.MNT_DETACH))
	}
	for _, cgroup := range m.Cgroups() {
		m.must(removeCgroup(cgroup))
	}
	sum := sha256.Sum256([]byte(m.Config.DataDir))
	m.must(os.RemoveAll(filepath.Join("/run/bulkhead", hex.EncodeToString(sum[:4]))))
	m.must(os.WriteFile(filepath.Join(m.Config.DataDir, "run", "boot-id"), []byte("00000000-0000-0000-0000-000000000000\n"), 0o600))
	m.must(m.Net.Renew(m.ctx))
}

// removeCgroup removes a cgroup with those below it, deepest first.
func removeCgroup(root string) error {
	var paths []string
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	for i := len(paths) - 1; i >= 0 && err == nil; i-- {
		err = os.Remove(paths[i])
	}
	return err
}
