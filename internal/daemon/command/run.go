package command

import (
	"log/slog"
	"os/signal"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/daemon"
	"github.com/bulkhead-k8s/bulkhead/internal/daemon/profile"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/membership"
)

func server() *cobra.Command {
	c := config.Default()
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run a server in the foreground",
		Example: `  bulkheadd server
  bulkheadd server --config /etc/bulkhead/config.yaml --v 2
  bulkheadd server --simulate --data-dir ~/cluster`,
		Args: cobra.NoArgs,
	}
	c.AddFlags(cmd.Flags())
	runDaemon(cmd, c)
	return cmd
}

func agent() *cobra.Command {
	c := config.Default()
	c.Agent = true
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Run a node of a cluster whose server is elsewhere, in the foreground",
		Example: `  bulkheadd agent --server https://192.0.2.1:6443 --token abcdef.0123456789abcdef@sha256:...
  bulkheadd agent    # once it has joined`,
		Args: cobra.NoArgs,
	}
	c.AddAgentFlags(cmd.Flags())
	runDaemon(cmd, c)
	return cmd
}

// runDaemon makes cmd read its settings from flags and file, and run with them.
func runDaemon(cmd *cobra.Command, c *config.Config) {
	file := config.DefaultFile
	var profileDir string
	cmd.Flags().StringVar(&file, "config", file, "YAML file with settings, whose keys are the names of these flags")
	cmd.Flags().StringVar(&profileDir, "profile-dir", "", "folder for profiles of this process, for its developers")
	_ = cmd.Flags().MarkHidden("profile-dir") // it exists
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := config.LoadFile(file, cmd.Flags().Changed("config"), cmd.Flags()); err != nil {
			return err
		}
		if c.Agent && c.Server == "" {
			var err error
			if c.Server, err = membership.Server(c.DataDir); err != nil {
				return err
			}
		}
		if err := c.Complete(); err != nil {
			return err
		}
		if err := c.Validate(); err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), unix.SIGINT, unix.SIGTERM)
		defer stop()
		if profileDir != "" {
			go func() {
				if err := profile.Run(ctx, profileDir); err != nil {
					slog.Error("no profiles", "err", err)
				}
			}()
		}
		return daemon.Run(ctx, c)
	}
}
