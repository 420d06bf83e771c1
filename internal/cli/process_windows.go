package cli

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// detach keeps the command out of this console's Ctrl-C.
func detach(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// become runs a program in place of this one and returns its exit code.
func become(path string, args, env []string) (int, error) {
	command := exec.Command(path, args[1:]...)
	command.Env, command.Stdin, command.Stdout, command.Stderr = env, os.Stdin, os.Stdout, os.Stderr
	err := command.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return ended.ExitCode(), nil
	}
	return exitOK, err
}

// terminate ends a process.
func terminate(pid int) error {
	process, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return process.Kill()
}

// alive is not known, and not needed: no daemon runs here.
func alive(int) bool { return false }
