package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	"rsc.io/script"
	"rsc.io/script/scripttest"
)

// TestMain makes the test binary the programs that scripts run, by the name
// that it is called by.
func TestMain(m *testing.M) {
	program := filepath.Base(os.Args[0])
	if len(os.Args) > 1 && os.Args[1] == superviseName { // `up` executes its own file, which is this one
		program = "bulkhead"
	}
	switch program {
	case "bulkhead", "kubectl-bulkhead":
		os.Exit(Main(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr))
	case daemonName:
		os.Exit(fakeDaemonMain(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// TestScripts runs the transcripts in testdata. Each has a home, a data
// directory $D whose path is short enough for sockets, settings with free ports
// in ports.yaml, and a bulkheadd in PATH that only pretends.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	engine := &script.Engine{Cmds: scripttest.DefaultCmds(), Conds: scripttest.DefaultConds()}
	// On a busy machine, what a command said may come more than the usual 0.1 s after
	// its end.
	engine.Cmds["exec"] = script.Exec(func(cmd *exec.Cmd) error { return cmd.Process.Signal(os.Interrupt) }, 10*time.Second)
	engine.Cmds["exit"] = exitCommand(engine.Cmds["exec"])
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			state, err := script.NewState(ctx, workdir(t), nil)
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range map[string]string{
				"WORK": state.Getwd(),
				"HOME": filepath.Join(state.Getwd(), "home"),
				"D":    filepath.Join(state.Getwd(), "d"),
				"PATH": filepath.Join(state.Getwd(), "bin") + string(filepath.ListSeparator) + os.Getenv("PATH"),
			} {
				if err := state.Setenv(name, value); err != nil {
					t.Fatal(err)
				}
			}
			if err := state.ExtractFiles(archive); err != nil {
				t.Fatal(err)
			}
			scripttest.Run(t, engine, state, file, bytes.NewReader(archive.Comment))
		})
	}
}

// workdir is a folder with the programs in bin. It is not t.TempDir, whose path
// is too long for a data directory below it.
func workdir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "bh")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bin", "home"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	ports := fmt.Sprintf("https-listen-port: %d\nkube-controller-manager-arg: [secure-port=%d]\nkube-scheduler-arg: [secure-port=%d]\n",
		freePort(t), freePort(t), freePort(t))
	if err := os.WriteFile(filepath.Join(dir, "ports.yaml"), []byte(ports), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bulkhead", "kubectl-bulkhead", daemonName} {
		if err := os.Symlink(self, filepath.Join(dir, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func freePort(t *testing.T) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// exitCommand runs a program as exec does and wants this exit code.
func exitCommand(run script.Cmd) script.Cmd {
	return script.Command(
		script.CmdUsage{Summary: "run a program that ends with this exit code", Args: "code program [args...]"},
		func(s *script.State, args ...string) (script.WaitFunc, error) {
			if len(args) < 2 {
				return nil, script.ErrUsage
			}
			want, err := strconv.Atoi(args[0])
			if err != nil {
				return nil, script.ErrUsage
			}
			wait, err := run.Run(s, args[1:]...)
			if err != nil {
				return nil, err
			}
			return func(s *script.State) (string, string, error) {
				stdout, stderr, err := wait(s)
				got := 0
				if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
					got = ended.ExitCode()
				} else if err != nil {
					return stdout, stderr, err
				}
				if got != want {
					return stdout, stderr, fmt.Errorf("exit code %d, want %d", got, want)
				}
				return stdout, stderr, nil
			}, nil
		})
}
