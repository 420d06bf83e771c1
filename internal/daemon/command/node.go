package command

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bulkhead-k8s/bulkhead/internal/nodeops"
)

// nodeCommands are what `bulkhead` runs for its commands of the same names.
func nodeCommands() []*cobra.Command { return []*cobra.Command{drain(), uncordon(), remove(), turn()} }

func addDrainFlags(flags *pflag.FlagSet, o *nodeops.DrainOptions) {
	flags.BoolVar(&o.Force, "force", false, "also delete pods that nobody makes anew")
	flags.BoolVar(&o.DeleteEmptyDirData, "delete-emptydir-data", false, "also evict pods whose emptyDir data is lost by it")
	flags.IntVar(&o.GracePeriod, "grace-period", -1, "seconds that pods get to end; below 0, what they ask for")
	flags.DurationVar(&o.Timeout, "timeout", 5*time.Minute, "how long it may take; 0 is for ever")
	flags.BoolVar(&o.DryRun, "dry-run", false, "only say what would be done")
}

func drain() *cobra.Command {
	var a access
	var o nodeops.DrainOptions
	cmd := &cobra.Command{
		Use: "drain NODE", Short: "Move the pods of a node to others", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.clientFor(args[0])
			if err != nil {
				return err
			}
			o.Out, o.ErrOut = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return nodeops.Drain(cmd.Context(), client, args[0], o)
		},
	}
	a.addFlags(cmd)
	addDrainFlags(cmd.Flags(), &o)
	return cmd
}

func remove() *cobra.Command {
	var a access
	var o nodeops.DrainOptions
	cmd := &cobra.Command{
		Use: "remove NODE", Short: "Drain a node and take it out of the cluster", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			o.Out, o.ErrOut = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return nodeops.Remove(cmd.Context(), client, args[0], o)
		},
	}
	a.addFlags(cmd)
	addDrainFlags(cmd.Flags(), &o)
	return cmd
}

func uncordon() *cobra.Command {
	var a access
	var dryRun bool
	cmd := &cobra.Command{
		Use: "uncordon NODE", Short: "Let pods be scheduled to a node again", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			changed, err := nodeops.Uncordon(cmd.Context(), client, args[0], dryRun)
			if err != nil {
				return err
			}
			said := "was not cordoned"
			switch {
			case changed && dryRun:
				said = "would be uncordoned"
			case changed:
				said = "uncordoned"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "node %s %s\n", args[0], said)
			return err
		},
	}
	a.addFlags(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

// turn is the first step of `bulkhead upgrade`; it prints JSON.
func turn() *cobra.Command {
	var a access
	var o nodeops.TurnOptions
	cmd := &cobra.Command{
		Use: "turn NODE", Short: "Cordon a node if it is its turn to be upgraded", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			turn, err := nodeops.TakeTurn(cmd.Context(), client, args[0], o)
			if err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(turn)
		},
	}
	a.addFlags(cmd)
	cmd.Flags().BoolVar(&o.Anyway, "force", false, "also while other nodes are away")
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "cordon nothing")
	return cmd
}
