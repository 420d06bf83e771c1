package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/doctor"
	"github.com/bulkhead-k8s/bulkhead/internal/stages"
)

// upCommand is one `up`.
type upCommand struct {
	app        *app
	config     *config.Config
	serverArgs []string

	dryRun           bool
	timeout          time.Duration
	trace            string
	updateKubeconfig bool
	context          string
}

func (a *app) up() *cobra.Command {
	u := &upCommand{app: a, config: config.Default()}
	settings := flagSet(u.config)
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start the cluster in the background and wait until it is usable",
		Long: `Start the daemon in the background and wait until pods can be scheduled.

Where it runs already, that is said and nothing is changed. The daemon checks
this machine first and changes nothing if something would keep it from running;
` + "`doctor`" + ` shows all of these checks. A context for the cluster is put into your
kubeconfig and made the current one.

Settings come from flags, else from the file of --config, else they have the
defaults shown here.`,
		Example: a.text(`  bulkhead up
  bulkhead up --simulate                        # no root, no containers
  bulkhead up --disable metrics-server --node-label disk=fast
  bulkhead up --config cluster.yaml --trace start.json
  bulkhead up --dry-run                         # only say what would be done`),
		Args: a.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if u.serverArgs, err = a.loadSettings(cmd, settings, u.config); err != nil {
				return err
			}
			return u.run(cmd.Context())
		},
	}
	u.addFlags(cmd, settings)
	cmd.Flags().BoolVar(&u.updateKubeconfig, "update-kubeconfig", true, "put a context for the cluster into your kubeconfig ($KUBECONFIG or ~/.kube/config)")
	cmd.Flags().StringVar(&u.context, "context", "", "name of that context (default: bulkhead, and the data directory's name if that is another than usual)")
	return cmd
}

// addFlags declares what every start takes.
func (u *upCommand) addFlags(cmd *cobra.Command, settings *pflag.FlagSet) {
	u.app.addSettings(cmd, settings)
	cmd.Flags().BoolVar(&u.dryRun, "dry-run", false, "say what would be done, and do nothing")
	cmd.Flags().DurationVar(&u.timeout, "timeout", 3*time.Minute, "how long to wait until the cluster is usable")
	cmd.Flags().StringVar(&u.trace, "trace", "", "write when each stage of the start began and ended to this file, for Perfetto or chrome://tracing")
}

func (u *upCommand) run(ctx context.Context) error {
	if u.context == "" {
		u.context = clusterName(u.config)
	}

	began := time.Now()
	client := u.app.client(u.config)
	defer client.Close()
	status, err := client.Status(ctx)
	switch {
	case errors.Is(err, admin.ErrNotRunning):
		return u.start(ctx, client, began)
	case err != nil:
		return err
	case u.dryRun:
		u.app.printf("Bulkhead already runs (process %d); nothing would be done.\n", status.PID)
		return nil
	case !status.Ready:
		u.app.printf("Bulkhead is already starting (process %d).\n", status.PID)
		return u.follow(ctx, client, nil, began)
	}
	u.app.printf("Bulkhead already runs (process %d); nothing to do.\n", status.PID)
	if u.settingsGiven() {
		u.app.note("it keeps the settings that it was started with; `%s down` and `up` apply new ones", u.app.name)
	}
	if u.trace != "" {
		var list []stages.Stage
		err := client.FollowStages(ctx, func(stage stages.Stage) error { list = append(list, stage); return nil })
		if err := errors.Join(err, u.app.writeTrace(u.trace, list)); err != nil {
			return err
		}
	}
	if !status.Agent {
		u.useKubeconfig()
	}
	return nil
}

// settingsGiven says that settings of the server were given as flags, beside
// the one that says which server is meant.
func (u *upCommand) settingsGiven() bool { return len(u.serverArgs) > 2 }

// start checks the machine, starts the daemon and follows its start.
func (u *upCommand) start(ctx context.Context, client *admin.Client, began time.Time) error {
	c := u.config
	if err := errors.Join(c.Complete(), c.Validate()); err != nil {
		return err
	}
	if err := doctor.Preflight(ctx, c); err != nil {
		var preflight *doctor.PreflightError
		if !errors.As(err, &preflight) {
			return err
		}
		return u.refuse(preflight)
	}
	unit := findUnit(c)
	if u.dryRun {
		return u.describe(unit)
	}
	if c.Agent {
		u.app.printf("Starting a node in %s\n", c.DataDir)
	} else {
		u.app.printf("Starting Kubernetes in %s\n", c.DataDir)
	}
	if unit != nil {
		if u.settingsGiven() {
			u.app.note("%s starts with the settings that it was installed with; `%s service install` changes them", unit.path, u.app.name)
		}
		if err := unit.start(ctx); err != nil {
			return err
		}
		return u.follow(ctx, client, nil, began)
	}
	daemon, err := startServer(c, u.serverArgs)
	if err != nil {
		return err
	}
	return u.follow(ctx, client, daemon, began)
}

// refuse says what has to be remedied first, a line each.
func (u *upCommand) refuse(failed *doctor.PreflightError) error {
	lines := []string{"Kubernetes cannot start here; nothing was changed"}
	for _, result := range failed.Failed {
		lines = append(lines, "  "+result.String())
	}
	return errors.New(strings.Join(lines, "\n"))
}

func (u *upCommand) describe(unit *unit) error {
	path, err := findDaemon()
	if err != nil {
		return err
	}
	if unit != nil {
		u.app.printf("would start   systemd unit %s\n", unit.path)
	} else {
		u.app.printf("would start   %s %s\nlog           %s\n", path, strings.Join(u.serverArgs, " "), u.config.LogFile())
	}
	u.app.printf("data          %s\n", u.config.DataDir)
	if u.config.Agent {
		return nil
	}
	u.app.printf("kubeconfig    %s\n", u.config.WriteKubeconfig)
	if u.updateKubeconfig {
		u.app.printf("context       %s\n", u.context)
	}
	return nil
}

// follow shows the start until it is over, and says what the cluster is. daemon is
// the process, if it is ours.
func (u *upCommand) follow(ctx context.Context, client *admin.Client, daemon *server, began time.Time) error {
	status, list, err := u.await(ctx, client, daemon, began)
	if err != nil {
		return err
	}
	what := "Kubernetes " + status.KubernetesVersion
	if status.Agent {
		what = fmt.Sprintf("Node %s (Kubernetes %s)", status.NodeName, status.KubernetesVersion)
	}
	u.app.printf("\n%s is ready after %s.\n", what, seconds(time.Since(began)))
	if status.Simulated {
		u.app.printf("Its nodes are simulated: pods go through their life without containers.\n")
	}
	if u.trace != "" {
		if err := u.app.writeTrace(u.trace, list); err != nil {
			return err
		}
	}
	if status.Agent {
		return nil
	}
	u.config.WriteKubeconfig = status.Kubeconfig
	u.useKubeconfig()
	u.tryNext()
	return nil
}

// await shows the start until it is over.
func (u *upCommand) await(parent context.Context, client *admin.Client, daemon *server, began time.Time) (admin.Status, []stages.Stage, error) {
	ctx, cancel := context.WithTimeout(parent, u.timeout)
	defer cancel()
	progress := u.app.newProgress(began)
	var list []stages.Stage
	err := followWhenThere(ctx, client, daemon, func(stage stages.Stage) error {
		list = append(list, stage)
		progress.stage(stage)
		return nil
	})
	status := admin.Status{}
	if err == nil {
		status, err = client.Status(ctx)
	}
	progress.end()
	switch {
	case parent.Err() != nil:
		u.app.note("the start goes on in the background; `%s down` ends it", u.app.name)
		return status, nil, parent.Err()
	case ctx.Err() != nil:
		return status, nil, fmt.Errorf("not usable after %s; it goes on in the background: `%s status` shows what is missing, %s what happens", u.timeout, u.app.name, u.config.LogFile())
	case err != nil || !status.Ready:
		return status, nil, u.explainEnd(ctx, daemon)
	}
	return status, list, nil
}

// followWhenThere waits until the daemon's socket answers and follows the
// stages, or returns when the daemon has ended.
func followWhenThere(ctx context.Context, client *admin.Client, daemon *server, emit func(stages.Stage) error) error {
	var ended chan struct{} // nil, never ready: another process' child
	if daemon != nil {
		ended = daemon.ended
	}
	for {
		err := client.FollowStages(ctx, emit)
		if !errors.Is(err, admin.ErrNotRunning) {
			return err
		}
		select {
		case <-ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollTime): // the daemon makes its socket when it can
		}
	}
}

// explainEnd says why a start has failed, in one line, and where to read more.
func (u *upCommand) explainEnd(ctx context.Context, daemon *server) error {
	if daemon == nil {
		if unit := findUnit(u.config); unit != nil {
			return fmt.Errorf("the daemon ended: %s\n  log: journalctl -u %s", unit.reason(ctx), unit.name)
		}
		return fmt.Errorf("the daemon ended; its log is %s", u.config.LogFile())
	}
	select {
	case <-daemon.ended:
	case <-ctx.Done():
	}
	reason := daemon.log.reason()
	if reason == "" {
		reason = "it said nothing"
	}
	if daemon.err != nil && !strings.HasPrefix(daemon.err.Error(), "exit status") {
		reason += " (" + daemon.err.Error() + ")"
	}
	return fmt.Errorf("the daemon ended: %s\n  log: %s", reason, daemon.log.path)
}

// useKubeconfig makes the cluster kubectl's current one. Failing to is no
// reason to fail: the cluster runs.
func (u *upCommand) useKubeconfig() {
	if !u.updateKubeconfig {
		u.app.printf("kubeconfig: %s\n", u.config.WriteKubeconfig)
		return
	}
	path, err := mergeContext(u.config, u.context)
	if err != nil {
		u.app.note("your kubeconfig was not changed: %v; use %s, or another --context", err, u.config.WriteKubeconfig)
		return
	}
	u.app.printf("Context %q in %s is now the current one.\n", u.context, path)
}

func (u *upCommand) tryNext() {
	dir := ""
	if u.config.DataDir != config.Default().DataDir {
		dir = " --data-dir " + u.config.DataDir
	}
	u.app.printf(`
Try next:
  %[1]s kubectl%[2]s get nodes
  %[1]s kubectl%[2]s top nodes
  %[1]s status%[2]s
  %[1]s down%[2]s
`, u.app.name, dir)
	if user := os.Getenv("SUDO_USER"); user != "" && u.updateKubeconfig {
		u.app.note("the cluster is root's; use kubectl with sudo, or copy %s to %s", u.config.WriteKubeconfig, user)
	}
}
