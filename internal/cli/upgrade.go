package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

// upgradeCommand is one `upgrade`.
type upgradeCommand struct {
	app    *app
	config *config.Config
	dryRun bool
	// anyway goes on where it is not this node's turn.
	anyway  bool
	timeout time.Duration
	// drainArgs are the flags for draining.
	drainArgs []string
}

func (a *app) upgrade() *cobra.Command {
	u := &upgradeCommand{app: a}
	cmd := &cobra.Command{
		Use:   "upgrade",
		Short: "Restart this machine's node with the programs that are installed now",
		Long: `Restart this machine's node with the programs that are installed now and the settings
that it was started with: its pods are moved to other nodes, the daemon is restarted,
and once the node is ready it takes pods again. Where they have nowhere to go, as on a
single node, containers go on meanwhile. While another node is cordoned or not ready
it is refused, so that nodes are upgraded one at a time.`,
		Example: a.text(`  bulkhead upgrade --dry-run
  bulkhead upgrade
  bulkhead upgrade --delete-emptydir-data    # pods that would lose scratch data, too`),
		Args: a.noArgs,
	}
	load := a.locate(cmd)
	cmd.Flags().BoolVar(&u.dryRun, "dry-run", false, "say what would be done, and do nothing")
	cmd.Flags().BoolVar(&u.anyway, "force", false, "also while another node is cordoned or not ready, and delete pods that nobody makes anew")
	cmd.Flags().DurationVar(&u.timeout, "timeout", defaultDrainTimeout, "how long draining, and then the start, may each take")
	theirs := pflag.NewFlagSet("drain", pflag.ContinueOnError)
	theirs.Bool("delete-emptydir-data", false, "also evict pods whose emptyDir data is lost by it")
	theirs.Int("grace-period", -1, "seconds that pods get to end; below 0, what they ask for")
	cmd.Flags().AddFlagSet(theirs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var err error
		if u.config, err = load(); err != nil {
			return err
		}
		u.drainArgs = []string{"--timeout=" + u.timeout.String()}
		theirs.VisitAll(func(flag *pflag.Flag) {
			if flag.Changed {
				u.drainArgs = append(u.drainArgs, arguments(flag)...)
			}
		})
		if u.anyway {
			u.drainArgs = append(u.drainArgs, "--force")
		}
		return u.run(cmd.Context())
	}
	return cmd
}

func (u *upgradeCommand) run(ctx context.Context) error {
	client := u.app.client(u.config)
	defer client.Close()
	before, err := client.Status(ctx)
	if err != nil {
		return err
	}
	if before.Simulated {
		return fmt.Errorf("this cluster's nodes are simulated; `%s down` and `up` start its new programs", u.app.name)
	}
	args, err := argumentsOf(before.PID)
	if err != nil {
		return err
	}
	drain, err := u.takeTurn(ctx, before.NodeName)
	if err != nil {
		return err
	}
	if u.dryRun {
		u.app.printf("would restart   %s\n", strings.Join(args, " "))
		return nil
	}
	if drain {
		if err := u.app.onCluster(ctx, u.config, u.app.out, append([]string{"drain", before.NodeName}, u.drainArgs...)...); err != nil {
			return err
		}
	}
	after, err := u.restart(ctx, client, args)
	if err != nil {
		return fmt.Errorf("%w\n  node %s stays as it is; once it runs, `%s uncordon %s` takes it back", err, before.NodeName, u.app.name, before.NodeName)
	}
	if err := u.app.onCluster(ctx, u.config, u.app.out, "uncordon", before.NodeName); err != nil {
		return err
	}
	u.app.printf("Node %s runs Bulkhead %s with Kubernetes %s; it was %s with %s.\n",
		after.NodeName, after.Version, after.KubernetesVersion, before.Version, before.KubernetesVersion)
	return nil
}

// takeTurn cordons the node if it is its turn, and says whether it is to be drained.
func (u *upgradeCommand) takeTurn(ctx context.Context, node string) (drain bool, err error) {
	args := []string{"turn", node}
	if u.dryRun {
		args = append(args, "--dry-run")
	}
	if u.anyway {
		args = append(args, "--force")
	}
	var out bytes.Buffer
	if err := u.app.onCluster(ctx, u.config, &out, args...); err != nil {
		return false, err
	}
	var turn struct{ Drain bool }
	if err := json.Unmarshal(out.Bytes(), &turn); err != nil {
		return false, fmt.Errorf("read what bulkheadd says: %w", err)
	}
	if u.dryRun && turn.Drain {
		return true, u.app.onCluster(ctx, u.config, u.app.out, append([]string{"drain", node, "--dry-run"}, u.drainArgs...)...)
	}
	return turn.Drain, nil
}

// restart ends the daemon, with containers going on, and starts the one that is
// installed now.
func (u *upgradeCommand) restart(ctx context.Context, client *admin.Client, args []string) (admin.Status, error) {
	began := time.Now()
	unit := findUnit(u.config)
	if err := u.app.stop(ctx, u.config, true); err != nil {
		return admin.Status{}, err
	}
	start := &upCommand{app: u.app, config: u.config, timeout: u.timeout}
	var daemon *server
	var err error
	if unit != nil {
		err = unit.start(ctx)
	} else {
		daemon, err = startServer(u.config, args)
	}
	if err != nil {
		return admin.Status{}, err
	}
	status, _, err := start.await(ctx, client, daemon, began)
	return status, err
}

// argumentsOf are those that a process was started with, without its program.
func argumentsOf(pid int) ([]string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return nil, fmt.Errorf("read how the daemon was started: %w", err)
	}
	words := strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
	if len(words) < 2 {
		return nil, errors.New("the daemon's command line cannot be read")
	}
	return words[1:], nil
}
