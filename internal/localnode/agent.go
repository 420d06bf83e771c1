package localnode

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"
	"sigs.k8s.io/yaml"
)

// WriteSettings writes what the agent reads: values by the names of its flags. With a
// token in it, it is a secret.
func (p Place) WriteSettings(settings map[string]any) error {
	data, err := yaml.Marshal(settings)
	if err == nil {
		err = renameio.WriteFile(p.Settings(), data, 0o600, renameio.WithPermissions(0o600))
	}
	if err != nil {
		return fmt.Errorf("write the settings of node %s: %w", p.Name, err)
	}
	return nil
}

// ForgetToken takes the token out of the settings: who has joined has a certificate.
func (p Place) ForgetToken() error {
	data, err := os.ReadFile(p.Settings())
	settings := map[string]any{}
	if err == nil {
		err = yaml.Unmarshal(data, &settings)
	}
	if err != nil {
		return fmt.Errorf("read the settings of node %s: %w", p.Name, err)
	}
	delete(settings, "token")
	return p.WriteSettings(settings)
}

// maxLog is the size from which the log is put aside at the next start.
const maxLog = 10 << 20

// Start starts the agent in the node's network namespace and a session of its own, so
// that it outlives us. The caller waits for the command.
func (p Place) Start(executable string) (*exec.Cmd, error) {
	if info, err := os.Stat(p.Log()); err == nil && info.Size() > maxLog {
		if err := os.Rename(p.Log(), p.Log()+".1"); err != nil {
			return nil, fmt.Errorf("put the old log of node %s aside: %w", p.Name, err)
		}
	}
	log, err := os.OpenFile(p.Log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of node %s: %w", p.Name, err)
	}
	defer log.Close()
	command := exec.Command(executable, "agent", "--data-dir", p.DataDir(), "--config", p.Settings())
	command.Env = environment(os.Environ())
	command.Dir = "/"
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	// A new process is in the network namespace of the thread that makes it.
	if err := p.inside(command.Start); err != nil {
		return nil, fmt.Errorf("start node %s: %w", p.Name, err)
	}
	return command, nil
}

// environment is ours without what a service manager, or who measures us, has told
// this process alone.
func environment(ours []string) []string {
	drop := []string{"NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "INVOCATION_ID", "JOURNAL_STREAM", "MAINPID", "WATCHDOG_PID", "WATCHDOG_USEC"}
	return slices.DeleteFunc(slices.Clone(ours), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(drop, name)
	})
}

// LastWords is the end of what the agent said.
func (p Place) LastWords() string {
	data, err := os.ReadFile(p.Log())
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	for _, line := range slices.Backward(lines) {
		// What a daemon gives as the reason of its end.
		if said, ok := strings.CutPrefix(line, "bulkheadd: "); ok {
			return said
		}
	}
	return lines[len(lines)-1]
}
