package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Options say what to keep running. All are required.
type Options struct {
	// Command is the program with its arguments.
	Command []string
	// LockFile is held while the supervisor runs, so that Find finds it.
	LockFile string
	// Log gets the program's output, and a line for each start after the first.
	Log *os.File
}

// Run keeps the program running until it ends because it was asked to (nil), its
// first start fails (its *exec.ExitError), or ctx ends: then the program is
// asked to end, and waited for.
func Run(ctx context.Context, o Options) error {
	unlock, err := lock(o.LockFile)
	if err != nil {
		return err
	}
	defer unlock()

	first, pause := true, time.Duration(0)
	for {
		r, err := o.once(ctx)
		if err != nil && r.status == 0 {
			return err // it could not be started at all
		}
		var again bool
		if again, pause = decide(r, first, pause); !again || ctx.Err() != nil {
			return err
		}
		first = first && !r.ready
		fmt.Fprintf(o.Log, "supervisor: %s ended (%v); starting it again in %s\n", filepath.Base(o.Command[0]), err, pause)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// once runs the program to its end.
func (o Options) once(ctx context.Context) (run, error) {
	// Abstract, so that nothing is left in the file system.
	socket := fmt.Sprintf("@bulkhead-supervisor-%d", os.Getpid())
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return run{}, fmt.Errorf("open the socket for the program's readiness: %w", err)
	}
	ready := make(chan time.Time, 1)
	go func() { waitReady(notify, ready) }()
	defer notify.Close()

	command := exec.CommandContext(ctx, o.Command[0], o.Command[1:]...)
	command.Stdout, command.Stderr = o.Log, o.Log
	command.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket)
	command.Cancel = func() error { return command.Process.Signal(unix.SIGTERM) }
	if err := command.Start(); err != nil {
		return run{}, fmt.Errorf("start %s: %w", o.Command[0], err)
	}
	err = command.Wait()
	r := run{status: command.ProcessState.ExitCode()}
	select {
	case since := <-ready:
		r.ready, r.readyFor = true, time.Since(since)
	default:
	}
	return r, err
}

// waitReady reports the first READY=1 on the socket, and reads until it closes.
func waitReady(socket *net.UnixConn, ready chan<- time.Time) {
	message := make([]byte, 4096)
	for {
		n, err := socket.Read(message)
		if err != nil {
			return
		}
		for line := range strings.Lines(string(message[:n])) {
			if strings.TrimSpace(line) == "READY=1" {
				select {
				case ready <- time.Now():
				default:
				}
			}
		}
	}
}

// lock takes the lock file and writes this process's number into it.
func lock(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the supervisor's lock: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the supervisor's lock: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("another supervisor holds %s: %w", path, err)
	}
	if err := errors.Join(file.Truncate(0), write(file, strconv.Itoa(os.Getpid()))); err != nil {
		file.Close()
		return nil, fmt.Errorf("write the supervisor's lock: %w", err)
	}
	return func() { file.Close() }, nil
}

func write(file *os.File, text string) error {
	_, err := io.WriteString(file, text)
	return err
}

// Find returns the process of the supervisor that holds the lock file, or 0.
func Find(lockFile string) int {
	file, err := os.Open(lockFile)
	if err != nil {
		return 0
	}
	defer file.Close()
	if unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil {
		return 0 // nobody holds it, and closing gives it up again
	}
	data, err := io.ReadAll(file)
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return pid
}
