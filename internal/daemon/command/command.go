// Package command is the command line of bulkheadd: parse, call one thing.
package command

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	kubectl "k8s.io/kubectl/pkg/cmd"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/daemon"
	"github.com/bulkhead-k8s/bulkhead/internal/daemon/profile"
	"github.com/bulkhead-k8s/bulkhead/internal/version"
)

// New returns the command bulkheadd.
func New() *cobra.Command {
	root := &cobra.Command{
		Use:           "bulkheadd",
		Short:         "The whole of Kubernetes on one machine, in one process",
		Long:          "bulkheadd is the daemon. People type `bulkhead`, which starts and asks it.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(server(), kubectlCommand(), cleanup(), resetCommand(), versionCommand())
	return root
}

func server() *cobra.Command {
	c := config.Default()
	file := config.DefaultFile
	var profileDir string
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Run a server in the foreground",
		Example: `  bulkheadd server
  bulkheadd server --config /etc/bulkhead/config.yaml --v 2
  bulkheadd server --simulate --data-dir ~/cluster`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := config.LoadFile(file, cmd.Flags().Changed("config"), cmd.Flags()); err != nil {
				return err
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
		},
	}
	cmd.Flags().StringVar(&file, "config", file, "YAML file with settings, whose keys are the names of these flags")
	cmd.Flags().StringVar(&profileDir, "profile-dir", "", "folder for profiles of this process, for its developers")
	_ = cmd.Flags().MarkHidden("profile-dir") // it exists
	c.AddFlags(cmd.Flags())
	return cmd
}

func kubectlCommand() *cobra.Command {
	cmd := kubectl.NewDefaultKubectlCommand()
	cmd.Use = "kubectl"
	return cmd
}

func versionCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of Bulkhead and of the Kubernetes in it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch output {
			case "":
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "bulkheadd %s, Kubernetes %s\n", version.Bulkhead(), version.Kubernetes())
				return err
			case "json":
				return json.NewEncoder(os.Stdout).Encode(map[string]string{"bulkhead": version.Bulkhead(), "kubernetes": version.Kubernetes()})
			}
			return fmt.Errorf("--output %q: want json, or leave it out", output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "json, or empty for text")
	return cmd
}
