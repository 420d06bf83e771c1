package cli

import (
	"github.com/spf13/cobra"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

func (a *app) join() *cobra.Command {
	c := config.Default()
	c.Agent = true
	u := &upCommand{app: a, config: c}
	settings := flagSet(c)
	cmd := &cobra.Command{
		Use:   "join [https://SERVER]",
		Short: "Make this machine a node of a cluster, and wait until it is ready",
		Long: `Start the daemon as a node of the cluster of a server, in the background, and wait
until pods can be scheduled to it. ` + "`bulkhead token create`" + ` on the server prints the
command to type. Once this machine has joined it remembers the server, and its
certificate renews itself: ` + "`join`" + ` without arguments starts the node again after
` + "`down`" + ` or a reboot, and with another URL after the server has moved.`,
		Example: a.text(`  bulkhead join https://192.0.2.1:6443 --token abcdef.0123456789abcdef@sha256:...
  bulkhead join                                 # once it has joined
  bulkhead join https://192.0.2.9               # the server has another address`),
		Args: a.args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				if err := settings.Set("server", args[0]); err != nil {
					return usageError{err}
				}
			}
			var err error
			if u.serverArgs, err = a.loadSettings(cmd, settings, c); err != nil {
				return err
			}
			return u.run(cmd.Context())
		},
	}
	u.addFlags(cmd, settings)
	return cmd
}
