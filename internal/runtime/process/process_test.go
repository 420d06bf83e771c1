package process

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

var owner = Owner{Config: "/data/etc/containerd.toml", Socket: "/data/run/containerd.sock"}

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		name string
		args string
		kind Kind
		id   string
	}{
		{"containerd", "/data/bin/containerd --config /data/etc/containerd.toml", Containerd, ""},
		{"shim by its link", "/data/bin/containerd-shim-runc-v2 -namespace k8s.io -id abc -address /data/run/containerd.sock", Shim, "abc"},
		{"shim by the executable", "/usr/bin/bulkheadd -namespace k8s.io -id abc -address /data/run/containerd.sock", Shim, "abc"},
		{"another containerd", "/usr/bin/containerd --config /etc/containerd/config.toml", "", ""},
		{"another containerd's shim", "/usr/bin/containerd-shim-runc-v2 -namespace k8s.io -id abc -address /run/containerd/containerd.sock", "", ""},
		{"a longer path", "/data/bin/containerd --config /data/etc/containerd.toml.old", "", ""},
		{"an editor on our settings", "vi /data/etc/containerd.toml", "", ""},
		{"a client of our socket", "ctr -address /data/run/containerd.sock containers ls", "", ""},
		{"flag without value", "containerd --config", "", ""},
		{"kernel thread", "", "", ""},
	} {
		args := splitArgs([]byte(strings.ReplaceAll(tc.args, " ", "\x00") + "\x00"))
		kind, id, ours := owner.Match(args)
		if kind != tc.kind || id != tc.id || ours != (tc.kind != "") {
			t.Errorf("%s: %q matched as %q %q %v, want %q %q", tc.name, tc.args, kind, id, ours, tc.kind, tc.id)
		}
	}
	agent := []string{"/usr/bin/bulkheadd", "agent", "--data-dir", "/data/nodes/a/data", "--config", "x"}
	if kind, _, ours := (Owner{Agent: "/data/nodes/a/data"}).Match(agent); !ours || kind != Agent {
		t.Errorf("the agent matched as %q %v", kind, ours)
	}
	for _, other := range []Owner{owner, {Agent: "/data/nodes/b/data"}, {Agent: "/data/nodes/a"}} {
		if _, _, ours := other.Match(agent); ours {
			t.Errorf("%+v owns the agent of another data directory", other)
		}
	}
	if _, _, ours := (Owner{}).Match([]string{"containerd", "--config", ""}); ours {
		t.Error("an owner without paths owns a process")
	}
}

func TestFindReadsProc(t *testing.T) {
	proc := t.TempDir()
	for pid, cmdline := range map[string]string{
		"12": "/data/bin/containerd\x00--config\x00/data/etc/containerd.toml\x00",
		"13": "bash\x00",
		"14": "",
	} {
		if err := os.MkdirAll(filepath.Join(proc, pid), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, pid, "cmdline"), []byte(cmdline), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, other := range []string{"self", "15"} { // 15 has no cmdline: it ended meanwhile
		if err := os.MkdirAll(filepath.Join(proc, other), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	found, err := find(proc, owner)
	if err != nil || len(found) != 1 || found[0] != (Process{PID: 12, Kind: Containerd}) {
		t.Errorf("found %+v, %v; want containerd as 12", found, err)
	}
}

func sleeper(t *testing.T, script string) *Handle {
	t.Helper()
	command := exec.Command("sh", "-c", script)
	command.Env = append(os.Environ(), "BULKHEAD_TEST=here")
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := output.Read(make([]byte, 1)); err != nil { // it has set its traps
		t.Fatal(err)
	}
	handle, err := Open(command.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = handle.Signal(syscall.SIGKILL); _ = handle.Close() })
	return handle
}

func TestWaitEndsWithContextAndWithProcess(t *testing.T) {
	handle := sleeper(t, "echo ready; exec sleep 60")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := handle.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Wait on a live process = %v, want the deadline", err)
	}
	if got := Environment(handle.PID(), "BULKHEAD_TEST"); got != "here" {
		t.Errorf("environment variable = %q", got)
	}
	if err := handle.End(context.Background(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := handle.Signal(0); !errors.Is(err, ErrEnded) {
		t.Errorf("signal after the end = %v, want ErrEnded", err)
	}
	if _, err := Open(handle.PID()); !errors.Is(err, ErrEnded) {
		t.Errorf("open after the end = %v, want ErrEnded: was it not reaped?", err)
	}
}

func TestEndKillsWhatIgnoresTerm(t *testing.T) {
	handle := sleeper(t, "trap '' TERM; echo ready; while :; do sleep 1; done")
	if err := handle.End(context.Background(), 20*time.Millisecond); err != nil {
		t.Fatal(err)
	}
}
