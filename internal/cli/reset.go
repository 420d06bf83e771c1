package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/doctor"
	"github.com/bulkhead-k8s/bulkhead/internal/kubeconfig"
)

// removal is one thing that a reset takes away, as bulkheadd lists them.
type removal struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

func (a *app) reset() *cobra.Command {
	var yes, dryRun bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "reset",
		Short: "Remove all that Bulkhead made on this machine, the data too",
		Long: `Stop the cluster and remove all that it made on this machine: containers, mounts,
cgroups, network interfaces, nftables tables, the data directory with everything
in it, its systemd unit and its context in your kubeconfig. It shows what there is
and asks first. What it removes cannot be brought back.`,
		Example: a.text(`  bulkhead reset --dry-run    # only list
  bulkhead reset
  bulkhead reset --yes        # do not ask`),
		Args: a.noArgs,
	}
	load := a.locate(cmd)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "list what would be removed, and do nothing")
	cmd.Flags().DurationVar(&timeout, "timeout", 3*time.Minute, "how long it may take")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		removals, err := a.removals(cmd.Context(), c)
		if err != nil {
			return err
		}
		if len(removals) == 0 {
			a.printf("Nothing to remove: there is no cluster in %s.\n", c.DataDir)
			return nil
		}
		for _, removal := range removals {
			a.printf("%-12s %s\n", removal.Kind, removal.Name)
		}
		if dryRun {
			return nil
		}
		if !yes && !a.confirm("Remove all of this?") {
			a.printf("Nothing was removed.\n")
			return codeError(exitFailed)
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
		defer cancel()
		return a.remove(ctx, c)
	}
	return cmd
}

// removals lists what a reset would take away.
func (a *app) removals(ctx context.Context, c *config.Config) ([]removal, error) {
	var list []removal
	if pid := doctor.LockHolder(c.DataDir); pid != 0 {
		list = append(list, removal{"daemon", fmt.Sprintf("process %d, with its pods", pid)})
	}
	if unit := findUnit(c); unit != nil {
		list = append(list, removal{"unit", unit.path})
	}
	for path, names := range contexts(c) {
		list = append(list, removal{"context", strings.Join(names, ", ") + " in " + path})
	}
	if _, err := os.Stat(c.DataDir); errors.Is(err, fs.ErrNotExist) && len(list) == 0 && os.Geteuid() != 0 {
		return nil, nil // without root there is nothing but the data directory
	}
	command, err := a.daemonCommand(ctx, "reset", "--data-dir="+c.DataDir, "--dry-run", "--output=json")
	if err != nil {
		return nil, err
	}
	command.Stdin, command.Stdout = nil, nil
	data, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("list what there is to remove: %w", err)
	}
	var plan struct {
		Items []removal `json:"items"`
	}
	if err := json.Unmarshal(data, &plan); err != nil {
		return nil, fmt.Errorf("list what there is to remove: %s answered what is no list; is it of another version? %w", command.Path, err)
	}
	return append(list, plan.Items...), nil
}

// confirm asks the user; everything but yes is no.
func (a *app) confirm(question string) bool {
	fmt.Fprintf(a.errOut, "%s [y/N] ", question)
	answer, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil && answer == "" {
		fmt.Fprintf(a.errOut, "\n")
		return false
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

// remove takes everything away; what is left after a failure can be removed by
// another reset.
func (a *app) remove(ctx context.Context, c *config.Config) error {
	if unit := findUnit(c); unit != nil {
		if err := unit.uninstall(ctx); err != nil {
			return err
		}
	}
	if doctor.LockHolder(c.DataDir) != 0 {
		if err := a.stop(ctx, c, false); err != nil {
			return err
		}
	}
	command, err := a.daemonCommand(ctx, "reset", "--data-dir="+c.DataDir)
	if err != nil {
		return err
	}
	command.Stdout = nil // it was listed before
	if err := command.Run(); err != nil {
		return fmt.Errorf("remove what is listed: %w; a second `%s reset` goes on where this one ended", err, a.name)
	}
	for path := range contexts(c) {
		if _, err := kubeconfig.Remove(path, c.DataDir); err != nil {
			return err
		}
	}
	a.printf("Removed.\n")
	return nil
}
