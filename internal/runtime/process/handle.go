package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrEnded indicates that the process is gone.
var ErrEnded = errors.New("process has ended")

// Handle is a hold on one process, ours or not our child.
type Handle struct {
	pid  int
	file *os.File // the pidfd, which the runtime's poller watches
}

// Open takes hold of the process pid.
func Open(pid int) (*Handle, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		return nil, ErrEnded
	}
	if err != nil {
		return nil, fmt.Errorf("open process %d: %w", pid, err)
	}
	return &Handle{pid: pid, file: os.NewFile(uintptr(fd), "pidfd")}, nil
}

// PID is the process' number, which may have passed on once it has ended.
func (h *Handle) PID() int { return h.pid }

// Signal sends signal; ErrEnded means that there was nothing to send it to.
func (h *Handle) Signal(signal syscall.Signal) error {
	connection, err := h.file.SyscallConn()
	if err != nil {
		return err
	}
	var sendErr error
	if err := connection.Control(func(fd uintptr) {
		sendErr = unix.PidfdSendSignal(int(fd), signal, nil, 0)
	}); err != nil {
		return err
	}
	if errors.Is(sendErr, unix.ESRCH) {
		return ErrEnded
	}
	if sendErr != nil {
		return fmt.Errorf("send %v to process %d: %w", signal, h.pid, sendErr)
	}
	return nil
}

// Wait returns nil once the process has ended (and reaps it if it was our
// child), or the context's error. It may be called by one goroutine at a time.
func (h *Handle) Wait(ctx context.Context) error {
	connection, err := h.file.SyscallConn()
	if err != nil {
		return err
	}
	if err := h.file.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("watch process %d: %w", h.pid, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = h.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err = connection.Read(func(fd uintptr) bool {
		polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(polled, 0)
		return err == nil && n == 1 // a pidfd becomes readable when its process ends
	})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("watch process %d: %w", h.pid, err)
	}
	return connection.Control(func(fd uintptr) {
		// Reap it, by what it is and not by its number; ECHILD if it was not ours.
		_ = unix.Waitid(unix.P_PIDFD, int(fd), nil, unix.WEXITED|unix.WNOHANG, nil)
	})
}

// End asks the process to end, and after grace makes it; it returns once the
// process is gone.
func (h *Handle) End(ctx context.Context, grace time.Duration) error {
	if err := h.Signal(syscall.SIGTERM); err != nil {
		if errors.Is(err, ErrEnded) {
			return nil
		}
		return err
	}
	graceful, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if err := h.Wait(graceful); err == nil || ctx.Err() != nil {
		return err
	}
	return h.Kill(ctx)
}

// Kill ends the process at once and returns when it is gone.
func (h *Handle) Kill(ctx context.Context) error {
	if err := h.Signal(syscall.SIGKILL); err != nil {
		if errors.Is(err, ErrEnded) {
			return nil
		}
		return err
	}
	return h.Wait(ctx)
}

// Close lets go of the process.
func (h *Handle) Close() error { return h.file.Close() }
