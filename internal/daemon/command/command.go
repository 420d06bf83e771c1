// Package command is the command line of bulkheadd: parse, call one thing.
package command

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	kubectl "k8s.io/kubectl/pkg/cmd"

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
	root.AddCommand(server(), agent(), kubectlCommand(), cleanup(), resetCommand(), versionCommand(), tokenCommand(), attachCommand())
	root.AddCommand(nodeCommands()...)
	return root
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
