package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/doctor"
	"github.com/bulkhead-k8s/bulkhead/internal/supervisor"
)

func (a *app) down() *cobra.Command {
	var keepPods bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Stop the cluster; its data stays",
		Long: `Stop the daemon and, unless --keep-pods is given, all containers. The data
stays, and ` + "`up`" + ` brings everything back. It also ends what a daemon that was
killed has left running.`,
		Example: a.text(`  bulkhead down
  bulkhead down --keep-pods    # containers go on, and the next up takes them over`),
		Args: a.noArgs,
	}
	load := a.locate(cmd)
	cmd.Flags().BoolVar(&keepPods, "keep-pods", false, "leave containers running")
	cmd.Flags().DurationVar(&timeout, "timeout", 2*time.Minute, "how long to wait for pods and the daemon to end")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
		defer cancel()
		return a.stop(ctx, c, keepPods)
	}
	return cmd
}

// stop ends the daemon of c if there is one, and what a killed one has left.
func (a *app) stop(ctx context.Context, c *config.Config, keepPods bool) error {
	if _, err := os.Stat(c.DataDir); errors.Is(err, fs.ErrNotExist) {
		a.printf("Bulkhead does not run: there is no %s.\n", c.DataDir)
		return nil
	}
	began := time.Now()
	client := a.client(c)
	defer client.Close()
	pid := doctor.LockHolder(c.DataDir)
	err := client.Stop(ctx, keepPods)
	// One that waits to start a daemon that has crashed must not do so anymore.
	if pid := supervisor.Find(supervisorLock(c)); pid != 0 && errors.Is(err, admin.ErrNotRunning) {
		if err := terminate(pid); err != nil {
			return fmt.Errorf("stop the daemon's supervisor (process %d): %w", pid, err)
		}
	}
	ran := err == nil
	switch {
	case errors.Is(err, admin.ErrNotRunning):
		if pid := doctor.LockHolder(c.DataDir); pid != 0 { // early in its start, or late in its end
			ran = true
			if err := terminate(pid); err != nil {
				return fmt.Errorf("stop the daemon (process %d): %w", pid, err)
			}
		}
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("pods have not stopped in time; look with `%s kubectl get pods -A`, or use a longer --timeout: %w", a.name, err)
	case err != nil:
		return err
	}
	// systemd would start it again.
	if unit := findUnit(c); unit != nil {
		if err := unit.stop(ctx); err != nil {
			return err
		}
	}
	if err := waitEnded(ctx, c, pid); err != nil {
		return err
	}
	if keepPods {
		a.printf("Stopped after %s; containers go on.\n", seconds(time.Since(began)))
		return nil
	}
	// The daemon has ended its pods; this ends what a killed one has left.
	if !ran {
		if err := a.cleanup(ctx, c); err != nil {
			return err
		}
		a.printf("No daemon was running; what it had left has been stopped. The data stays in %s.\n", c.DataDir)
		return nil
	}
	a.printf("Stopped after %s. The data stays in %s.\n", seconds(time.Since(began)), c.DataDir)
	return nil
}

// cleanup ends containers that have no daemon. Only root can have any.
func (a *app) cleanup(ctx context.Context, c *config.Config) error {
	if os.Geteuid() != 0 {
		return nil
	}
	command, err := a.daemonCommand(ctx, "cleanup", "--data-dir="+c.DataDir)
	if err != nil {
		return err
	}
	if err := command.Run(); err != nil {
		return fmt.Errorf("stop what a killed daemon has left: %w", err)
	}
	return nil
}
