package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/doctor"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/reset"
)

// stopTimeout bounds the orderly end of pods whose daemon is gone.
const stopTimeout = time.Minute

// cleanup ends what a daemon that was killed has left running; data stays.
func cleanup() *cobra.Command {
	return leftovers("cleanup", "End containers and containerd that a killed daemon left running; data stays", true)
}

// resetCommand removes all that a server has made on this machine.
func resetCommand() *cobra.Command {
	return leftovers("reset", "Remove all that a server made on this machine, its data too", false)
}

func leftovers(name, short string, keepData bool) *cobra.Command {
	c := config.Default()
	var dryRun bool
	var output string
	cmd := &cobra.Command{
		Use:   name,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if pid := doctor.LockHolder(c.DataDir); pid != 0 && !dryRun {
				return fmt.Errorf("bulkheadd (pid %d) runs on %s; stop it first with `bulkhead down`", pid, c.DataDir)
			}
			if !dryRun {
				stopOrderly(cmd.Context(), c)
			}
			plan, err := reset.Find(cmd.Context(), reset.Target{DataDir: c.DataDir, CgroupRoot: c.CgroupRoot(), KeepData: keepData})
			if err != nil {
				return err
			}
			if err := printPlan(cmd, plan, output); err != nil || dryRun {
				return err
			}
			return plan.Apply(cmd.Context())
		},
	}
	c.AddDataDirFlag(cmd.Flags())
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show what would be done and do nothing")
	cmd.Flags().StringVarP(&output, "output", "o", "", "json, or empty for one line each")
	return cmd
}

// stopOrderly gives pods their grace if containerd still answers. What it
// leaves, the plan removes.
func stopOrderly(ctx context.Context, c *config.Config) {
	r, err := runtime.New(runtime.Options{DataDir: c.DataDir, CgroupRoot: c.CgroupRoot()})
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if errors.Is(r.StopPods(ctx), runtime.ErrNotReady) {
		return
	}
	_ = r.StopContainerd(ctx)
}

func printPlan(cmd *cobra.Command, plan *reset.Plan, output string) error {
	switch output {
	case "json":
		return json.NewEncoder(cmd.OutOrStdout()).Encode(plan)
	case "":
		for _, item := range plan.Items {
			if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", item.Kind, item.Name); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("--output %q: want json, or leave it out", output)
}
