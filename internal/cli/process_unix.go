//go:build unix

package cli

import (
	"errors"
	"os/exec"
	"syscall"
)

// detach puts the command into a session of its own.
func detach(command *exec.Cmd) { command.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// become replaces this process by a program; it returns only if that fails.
func become(path string, args, env []string) (int, error) {
	return exitFailed, syscall.Exec(path, args, env)
}

// terminate asks a process to end in order. That it has ended is no error.
func terminate(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGTERM); !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// alive says whether there is such a process.
func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
