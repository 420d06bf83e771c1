package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

// onCluster runs a subcommand of bulkheadd that speaks with the API server of c's
// cluster. What it prints goes to out as it comes; the reason of a failure becomes
// the error.
func (a *app) onCluster(ctx context.Context, c *config.Config, out io.Writer, args ...string) error {
	args = append(args, "--data-dir="+c.DataDir)
	if _, err := os.Stat(c.WriteKubeconfig); err == nil {
		args = append(args, "--kubeconfig="+c.WriteKubeconfig)
	}
	command, err := a.daemonCommand(ctx, args...)
	if err != nil {
		return err
	}
	var complaints bytes.Buffer
	command.Stdout, command.Stderr = out, &complaints
	err = command.Run()
	var reason []string
	for line := range strings.Lines(complaints.String()) {
		if said, found := strings.CutPrefix(line, daemonName+": "); found || len(reason) > 0 {
			reason = append(reason, strings.TrimRight(said, "\n"))
		} else {
			_, _ = io.WriteString(a.errOut, line)
		}
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && len(reason) > 0 {
		return errors.New(strings.Join(reason, "\n"))
	}
	return err
}
