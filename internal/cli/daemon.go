package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/doctor"
	"github.com/bulkhead-k8s/bulkhead/internal/supervisor"
)

const daemonName = "bulkheadd"

// findDaemon returns the daemon's program: beside this one, else in PATH.
func findDaemon() (string, error) {
	name := daemonName
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	own, err := os.Executable()
	if err == nil {
		if own, err = filepath.EvalSymlinks(own); err == nil { // kubectl-bulkhead may be a link
			if beside, err := exec.LookPath(filepath.Join(filepath.Dir(own), name)); err == nil {
				return beside, nil
			}
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("the program %s was found neither beside %s nor in PATH; `make build` makes it", name, own)
	}
	return filepath.Abs(path)
}

// daemonCommand is a subcommand of bulkheadd with our streams.
func (a *app) daemonCommand(ctx context.Context, args ...string) (*exec.Cmd, error) {
	path, err := findDaemon()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, path, args...)
	command.Stdin, command.Stdout, command.Stderr = a.in, a.out, a.errOut
	return command, nil
}

// server is a daemon with its supervisor that this process has started.
type server struct {
	pid int
	// ended is closed once the supervisor has given the daemon up, and err then
	// says how the daemon ended.
	ended chan struct{}
	err   error
	log   logView
}

// maxLog is the size from which the log is put aside at the next start.
const maxLog = 10 << 20

// startServer runs the daemon under a supervisor, in a session of its own, so
// that it outlives the terminal, with its output appended to the log file.
func startServer(c *config.Config, args []string) (*server, error) {
	path, err := findDaemon()
	if err != nil {
		return nil, err
	}
	logFile := c.LogFile()
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(logFile), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the log: %w", err)
	}
	if info, err := os.Stat(logFile); err == nil && info.Size() > maxLog {
		if err := os.Rename(logFile, logFile+".1"); err != nil {
			return nil, fmt.Errorf("put the old log aside: %w", err)
		}
	}
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	defer log.Close()
	offset, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	own, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program for the daemon's supervisor: %w", err)
	}
	command := exec.Command(own, append([]string{superviseName, supervisorLock(c), path}, args...)...)
	command.Stdout, command.Stderr = log, log
	command.Dir = "/" // so that the folder it was started from can be unmounted
	detach(command)
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start the daemon: %w", err)
	}
	s := &server{pid: command.Process.Pid, ended: make(chan struct{}), log: logView{logFile, offset}}
	go func() {
		s.err = command.Wait()
		close(s.ended)
	}()
	return s, nil
}

// pollTime is how often we look at what another process does and tells nobody.
const pollTime = 20 * time.Millisecond

// waitEnded returns once the process pid has ended, and no daemon or supervisor
// of one holds the data directory any more. The lock alone does not tell: a
// daemon gives it up shortly before its ports.
func waitEnded(ctx context.Context, c *config.Config, pid int) error {
	for {
		holder := doctor.LockHolder(c.DataDir)
		if holder == 0 && pid != 0 && alive(pid) {
			holder = pid
		}
		if holder == 0 {
			holder = supervisor.Find(supervisorLock(c))
		}
		if holder == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("the daemon (process %d) has not ended in time; see %s", holder, c.LogFile())
			}
			return ctx.Err()
		case <-time.After(pollTime):
		}
	}
}
