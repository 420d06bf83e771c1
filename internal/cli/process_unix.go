//go:build unix

package cli

import (
	"os/exec"
	"syscall"
)

// detach puts the command into a session of its own.
func detach(command *exec.Cmd) { command.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// become replaces this process by a program; it returns only if that fails.
func become(path string, args, env []string) (int, error) {
	return exitFailed, syscall.Exec(path, args, env)
}

// terminate asks a process to end in order.
func terminate(pid int) error { return syscall.Kill(pid, syscall.SIGTERM) }
