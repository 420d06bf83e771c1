package supervisor

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDecide(t *testing.T) {
	for _, tc := range []struct {
		name  string
		run   run
		first bool
		pause time.Duration
		again bool
		next  time.Duration
	}{
		{"asked to end", run{status: 0, ready: true}, false, 0, false, 0},
		{"first start refused", run{status: 1}, true, 0, false, 0},
		{"killed during its first start", run{status: -1}, true, 0, true, time.Second},
		{"ended after it was ready", run{status: 1, ready: true}, true, 0, true, time.Second},
		{"a later start refused", run{status: 1}, false, time.Second, true, 2 * time.Second},
		{"over and over", run{status: 1}, false, 20 * time.Second, true, maxPause},
		{"after having been well", run{status: -1, ready: true, readyFor: time.Hour}, false, maxPause, true, firstPause},
	} {
		again, next := decide(tc.run, tc.first, tc.pause)
		if again != tc.again || next != tc.next {
			t.Errorf("%s: again=%v after %s, want %v after %s", tc.name, again, next, tc.again, tc.next)
		}
	}
}

// options runs a shell script; the log is returned by the function.
func options(t *testing.T, script string) (Options, func() string) {
	t.Helper()
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return Options{Command: []string{"/bin/sh", "-c", script}, LockFile: filepath.Join(dir, "lock"), Log: log}, func() string {
		data, err := os.ReadFile(log.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
}

func TestKilledProgramIsStartedAgain(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	o, log := options(t, `if [ -e `+mark+` ]; then exit 0; fi; touch `+mark+`; kill -9 $$`)
	if err := Run(t.Context(), o); err != nil {
		t.Fatalf("Run = %v, want nil after the second run ended with 0", err)
	}
	if !strings.Contains(log(), "signal: killed") {
		t.Errorf("the log does not say why it was started again: %q", log())
	}
}

func TestRefusedStartIsPassedOn(t *testing.T) {
	o, log := options(t, `echo no disk; exit 7`)
	var exit *exec.ExitError
	if err := Run(t.Context(), o); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Fatalf("Run = %v, want exit status 7", err)
	}
	if log() != "no disk\n" {
		t.Errorf("log %q, want the program's output alone", log())
	}
}

func TestEndOfContextEndsTheProgramInOrder(t *testing.T) {
	o, log := options(t, `trap 'echo in order; exit 0' TERM; echo up; while :; do sleep 0.01; done`)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, o) }()
	for range 500 {
		if strings.Contains(log(), "up") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if pid := Find(o.LockFile); pid != os.Getpid() {
		t.Errorf("Find = %d, want this process, %d", pid, os.Getpid())
	}
	cancel()
	<-ended
	if !strings.Contains(log(), "in order") {
		t.Errorf("the program was not asked to end: %q", log())
	}
	if pid := Find(o.LockFile); pid != 0 {
		t.Errorf("Find = %d after the end, want 0", pid)
	}
}
