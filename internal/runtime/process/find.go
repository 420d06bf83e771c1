package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Kind is what a process of ours is.
type Kind string

// The kinds.
const (
	Containerd Kind = "containerd"
	Shim       Kind = "shim"
	// Agent is the daemon itself, of a local node.
	Agent Kind = "agent"
)

// Owner identifies one data directory's containerd.
type Owner struct {
	// Config is the settings file that it was started with, Socket the address
	// that it gives to its shims.
	Config string
	Socket string
	// Agent is the data directory of an agent whose process is meant as well; empty
	// for a machine whose daemon is somebody else's to end.
	Agent string
}

// Process is a process of the owner's, as it was when it was found.
type Process struct {
	PID  int
	Kind Kind
	// ID is the sandbox of a shim.
	ID string
}

// Match says whether a process with these arguments is the owner's. Both
// programs may run under another name: Linux shows the executable's.
func (o Owner) Match(args []string) (Kind, string, bool) {
	if len(args) == 0 {
		return "", "", false
	}
	if filepath.Base(args[0]) == "containerd" && follows(args, "--config", o.Config) {
		return Containerd, "", true
	}
	if follows(args, "-address", o.Socket) && slices.Contains(args, "-namespace") {
		return Shim, value(args, "-id"), true
	}
	if len(args) > 1 && args[1] == "agent" && follows(args, "--data-dir", o.Agent) {
		return Agent, "", true
	}
	return "", "", false
}

func follows(args []string, flag, want string) bool {
	return want != "" && value(args, flag) == want
}

// value returns the argument after flag, or "".
func value(args []string, flag string) string {
	at := slices.Index(args, flag)
	if at < 0 || at+1 >= len(args) {
		return ""
	}
	return args[at+1]
}

// splitArgs splits what /proc/<pid>/cmdline holds.
func splitArgs(cmdline []byte) []string {
	cmdline = bytes.TrimSuffix(cmdline, []byte{0})
	if len(cmdline) == 0 {
		return nil // a kernel thread, or a zombie
	}
	var args []string
	for _, arg := range bytes.Split(cmdline, []byte{0}) {
		args = append(args, string(arg))
	}
	return args
}

// Find returns the owner's processes. Those that end meanwhile are left out.
func Find(owner Owner) ([]Process, error) { return find("/proc", owner) }

func find(proc string, owner Owner) ([]Process, error) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var found []Process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		cmdline, err := os.ReadFile(filepath.Join(proc, entry.Name(), "cmdline"))
		if err != nil {
			continue // ended
		}
		if kind, id, ours := owner.Match(splitArgs(cmdline)); ours {
			found = append(found, Process{PID: pid, Kind: kind, ID: id})
		}
	}
	return found, nil
}

// Open takes hold of p; ErrEnded means that it has ended since it was found.
func (o Owner) Open(p Process) (*Handle, error) {
	handle, err := Open(p.PID)
	if err != nil {
		return nil, err
	}
	// The number may have passed on between finding and opening.
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID))
	if kind, _, ours := o.Match(splitArgs(cmdline)); err != nil || !ours || kind != p.Kind {
		return nil, errors.Join(ErrEnded, handle.Close())
	}
	return handle, nil
}

// Environment returns the value of a variable in the environment with which the
// process was started, or "".
func Environment(pid int, name string) string {
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return ""
	}
	prefix := []byte(name + "=")
	for _, variable := range bytes.Split(environ, []byte{0}) {
		if bytes.HasPrefix(variable, prefix) {
			return string(variable[len(prefix):])
		}
	}
	return ""
}
