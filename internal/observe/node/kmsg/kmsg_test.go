package kmsg

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestReader(t *testing.T) {
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	const kill = "Memory cgroup out of memory: Killed process 7 (node) total-vm:1kB, anon-rss:1kB"
	for name, c := range map[string]struct {
		lines []string
		want  OOM
	}{
		"limit of a cgroup": {
			[]string{"oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=x,mems_allowed=0,oom_memcg=/k/pod1,task_memcg=/k/pod1/c,task=node,pid=7,uid=0", kill},
			OOM{Time: at, PID: 7, Command: "node", Cgroup: "/k/pod1/c", Limit: "/k/pod1"},
		},
		"the whole machine": {
			[]string{"oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=x,mems_allowed=0,global_oom,task_memcg=/k/pod1/c,task=a b,pid=7,uid=0",
				"Out of memory: Killed process 7 (a b) total-vm:1kB"},
			OOM{Time: at, PID: 7, Command: "a b", Cgroup: "/k/pod1/c", Machine: true},
		},
		"the kernel left the first line out": {[]string{kill}, OOM{Time: at, PID: 7, Command: "node"}},
		"nothing of ours":                    {[]string{"eth0: link up", "oom_reaper: reaped process 7 (node)", "oom-kill:odd"}, OOM{}},
	} {
		t.Run(name, func(t *testing.T) {
			var r Reader
			var got OOM
			for _, line := range c.lines {
				if o, ok := r.Take(Message{Time: at, Text: line}); ok {
					got = o
				}
			}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	c := clock{wall: time.Unix(1000, 0), sinceBoot: 100 * time.Second}
	m, ok := parse("6,339,40000000,-;eth0: link; up\n SUBSYSTEM=net\n", c)
	if !ok || m.Text != "eth0: link; up" || !m.Time.Equal(time.Unix(940, 0)) {
		t.Errorf("got %+v %t", m, ok)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("6,339,40000000,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/a,task_memcg=/a/b,task=x,pid=7,uid=0")
	f.Fuzz(func(t *testing.T, s string) {
		if m, ok := parse(s, clock{}); ok {
			new(Reader).Take(m)
		}
	})
}

// TestRealKill lets a process ask for more memory than its cgroup has.
func TestRealKill(t *testing.T) {
	dir, limit := memoryCgroup(t)
	kills := make(chan OOM, 10)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	var r Reader
	go func() {
		done <- Follow(ctx, func(m Message) {
			if o, ok := r.Take(m); ok {
				kills <- o
			}
		})
	}()
	defer func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	time.Sleep(100 * time.Millisecond) // the log is open
	if err := os.WriteFile(filepath.Join(dir, limit), []byte("16M"), 0); err != nil {
		t.Skipf("limit memory: %v", err)
	}
	cmd := exec.Command("sh", "-c", `echo 0 > "$1/cgroup.procs" && exec sort /dev/zero`, "sh", dir)
	err := cmd.Run()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Skipf("the kernel did not end it: %v", err)
	}
	select {
	case o := <-kills:
		if o.PID != cmd.Process.Pid || o.Command != "sort" || o.Machine || !strings.HasSuffix(o.Limit, filepath.Base(dir)) {
			t.Errorf("got %+v, want the kill of %d in %s", o, cmd.Process.Pid, dir)
		}
		if ago := time.Since(o.Time); ago < 0 || ago > 30*time.Second {
			t.Errorf("it is said to be %v ago", ago)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the kernel ended a process, and its log was not understood")
	}
}

func memoryCgroup(t *testing.T) (dir, limit string) {
	for root, limit := range map[string]string{"/sys/fs/cgroup/memory": "memory.limit_in_bytes", "/sys/fs/cgroup": "memory.max"} {
		if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
			continue
		}
		dir := filepath.Join(root, "bulkhead-test-oom-"+strconv.Itoa(os.Getpid()))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Skipf("no cgroup can be made: %v", err)
		}
		t.Cleanup(func() {
			for range 100 {
				if err := syscall.Rmdir(dir); !errors.Is(err, syscall.EBUSY) {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
		return dir, limit
	}
	t.Skip("no cgroup file system is mounted")
	return "", ""
}
