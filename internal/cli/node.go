package cli

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// defaultDrainTimeout is how long a drain may take unless it is told.
const defaultDrainTimeout = 5 * time.Minute

func (a *app) drain() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drain NODE",
		Short: "Move a node's pods to others, as before maintenance",
		Long: `Keep new pods from a node and evict those on it, as far as their disruption budgets
allow. It is what ` + "`kubectl drain`" + ` does, and takes the same flags; pods of DaemonSets
are always left. ` + "`uncordon`" + ` takes the node back.`,
		Example: a.text(`  bulkhead drain worker-1 --dry-run
  bulkhead drain worker-1 --delete-emptydir-data
  bulkhead uncordon worker-1                        # afterwards`),
	}
	return a.onNode(cmd, "drain", addDrainFlags)
}

func (a *app) uncordon() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "uncordon NODE",
		Short:   "Let pods be scheduled to a node again",
		Example: a.text("  bulkhead uncordon worker-1"),
	}
	return a.onNode(cmd, "uncordon", addDryRun)
}

func (a *app) removeNode() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove NODE",
		Short: "Drain a node and take it out of the cluster",
		Long: `Drain a node and take it out of the cluster. A node that is not ready is taken out
at once, and its pods are made anew elsewhere. The machine stops its pods when it
learns of that, and does not come back by itself: ` + "`reset`" + ` on it removes what is left,
and ` + "`join`" + ` with a new token makes it a node again. The server's own node cannot be
removed.`,
		Example: a.text(`  bulkhead remove worker-1 --dry-run
  bulkhead remove worker-1
  bulkhead reset                        # afterwards, on that machine`),
	}
	return a.onNode(cmd, "remove", addDrainFlags)
}

// addDrainFlags declares what bulkheadd's commands of the same names take.
func addDrainFlags(flags *pflag.FlagSet) {
	flags.Bool("force", false, "also delete pods that nobody makes anew")
	flags.Bool("delete-emptydir-data", false, "also evict pods whose emptyDir data is lost by it")
	flags.Int("grace-period", -1, "seconds that pods get to end; below 0, what they ask for")
	flags.Duration("timeout", defaultDrainTimeout, "how long it may take; 0 is for ever")
	addDryRun(flags)
}

func addDryRun(flags *pflag.FlagSet) { flags.Bool("dry-run", false, "only say what would be done") }

// onNode makes cmd run bulkheadd's command of this name on one node, with the flags
// that were given.
func (a *app) onNode(cmd *cobra.Command, name string, declare func(*pflag.FlagSet)) *cobra.Command {
	cmd.Args = a.args(cobra.ExactArgs(1))
	load := a.locate(cmd)
	theirs := pflag.NewFlagSet(name, pflag.ContinueOnError)
	declare(theirs)
	cmd.Flags().AddFlagSet(theirs)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		given := []string{name, args[0]}
		theirs.VisitAll(func(flag *pflag.Flag) {
			if flag.Changed {
				given = append(given, arguments(flag)...)
			}
		})
		return a.onCluster(cmd.Context(), c, a.out, given...)
	}
	return cmd
}
