package cli

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/supervisor"
)

// superviseName is the command that `up` leaves in the background.
const superviseName = "supervise"

// supervisorLock is what the supervisor of a data directory's daemon holds.
func supervisorLock(c *config.Config) string {
	return filepath.Join(c.DataDir, "run", "supervisor.lock")
}

// supervise keeps the daemon running where it is not a service of systemd. It
// is this program and not the daemon's, since it is small.
func (a *app) supervise() *cobra.Command {
	return &cobra.Command{
		Use:                superviseName + " LOCK PROGRAM [ARGUMENT...]",
		Short:              "Keep the daemon running; `up` starts this",
		Hidden:             true,
		DisableFlagParsing: true, // the flags are the program's
		Args:               cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			err := supervisor.Run(ctx, supervisor.Options{Command: args[1:], LockFile: args[0], Log: os.Stderr})
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				return codeError(exit.ExitCode()) // it has said why itself
			}
			return err
		},
	}
}
