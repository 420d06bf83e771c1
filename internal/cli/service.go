package cli

import (
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

func (a *app) service() *cobra.Command {
	return a.family(&cobra.Command{
		Use:   "service",
		Short: "Let systemd run the cluster, also after a reboot",
	}, a.serviceInstall(), a.serviceUninstall())
}

// errNoSystemd says what to do instead.
var errNoSystemd = errors.New("systemd does not run this machine; start the cluster from its init with `bulkhead up`, or see the unit with --dry-run")

func (a *app) serviceInstall() *cobra.Command {
	c := config.Default()
	settings := flagSet(c)
	c.AddJoinFlags(settings)
	var dryRun, now bool
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install a systemd unit that runs the daemon with these settings",
		Long: `Install and start a systemd unit that runs the daemon with the settings given
here. It restarts the daemon when it ends and starts it after a reboot; containers
go on while the daemon is restarted. ` + "`up`" + ` and ` + "`down`" + ` then start and stop the unit.
On a machine that has joined a cluster, or with --server, it runs an agent, and
` + "`join`" + ` starts it.`,
		Example: a.text(`  bulkhead service install
  bulkhead service install --node-label disk=fast
  bulkhead service install --server https://192.0.2.1 --token ...    # an agent
  bulkhead service install --dry-run    # print the unit`),
		Args: a.noArgs,
	}
	a.addSettings(cmd, settings)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print the unit, and do nothing")
	cmd.Flags().BoolVar(&now, "now", true, "start it at once")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c.Agent = c.Server != "" || c.HasJoined()
		args, err := a.loadSettings(cmd, settings, c)
		if err != nil {
			return err
		}
		program, err := findDaemon()
		if err != nil {
			return err
		}
		unit, text := unitFor(c), unitText(program, args)
		if dryRun {
			a.printf("# %s\n%s", unit.path, text)
			return nil
		}
		if !systemdRuns() {
			return errNoSystemd
		}
		if err := unit.install(cmd.Context(), text, now); err != nil {
			return err
		}
		a.printf("Installed %s.\n", unit.path)
		if now {
			a.printf("Wait for it with `%s up`.\n", a.name)
		}
		return nil
	}
	return cmd
}

func (a *app) serviceUninstall() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Stop and remove the systemd unit; containers and data stay",
		Example: a.text(`  bulkhead service uninstall
  bulkhead down                 # afterwards: stop the containers too`),
		Args: a.noArgs,
	}
	load := a.locate(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be removed, and do nothing")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		unit := unitFor(c)
		if _, err := os.Stat(unit.path); errors.Is(err, fs.ErrNotExist) {
			a.printf("Nothing to remove: there is no %s.\n", unit.path)
			return nil
		}
		if dryRun {
			a.printf("would stop, disable and remove %s\n", unit.path)
			return nil
		}
		if !systemdRuns() {
			return errNoSystemd
		}
		if err := unit.uninstall(cmd.Context()); err != nil {
			return err
		}
		a.printf("Removed %s.\n", unit.path)
		return nil
	}
	return cmd
}
