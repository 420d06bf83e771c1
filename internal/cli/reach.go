package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

// family makes a command that has subcommands and does nothing by itself.
func (a *app) family(cmd *cobra.Command, members ...*cobra.Command) *cobra.Command {
	cmd.Args = a.noCommand
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(members...)
	return cmd
}

// daemonOf declares the flags by which the daemon is found, and returns how to reach
// it; who asks closes the client.
func (a *app) daemonOf(cmd *cobra.Command) func() (*admin.Client, error) {
	load := a.locate(cmd)
	return func() (*admin.Client, error) {
		c, err := load()
		if err != nil {
			return nil, err
		}
		return a.client(c), nil
	}
}

// clusterOf declares the flags that say which cluster is meant, and returns how to
// reach its API server.
func (a *app) clusterOf(cmd *cobra.Command) func() (*rest.Config, error) {
	var kubeconfig, kubeContext string
	cmd.Flags().StringVar(&kubeconfig, "kubeconfig", "", "kubeconfig of the cluster (default: that of this machine's cluster, else the current one)")
	cmd.Flags().StringVar(&kubeContext, "context", "", "context of the kubeconfig")
	load := a.locate(cmd)
	return func() (*rest.Config, error) {
		c, err := load()
		if err != nil {
			return nil, err
		}
		return accessTo(c, kubeconfig, kubeContext, cmd.Flags().Changed("data-dir"))
	}
}

// accessTo is the way to the cluster that is named, or else to this machine's, or
// else to the current kubeconfig's.
func accessTo(c *config.Config, kubeconfig, kubeContext string, own bool) (*rest.Config, error) {
	if _, err := os.Stat(c.WriteKubeconfig); kubeconfig == "" && kubeContext == "" && (own || err == nil) {
		access, err := clientcmd.BuildConfigFromFlags("", c.WriteKubeconfig)
		if err != nil {
			return nil, fmt.Errorf("read the cluster's kubeconfig: %w", err)
		}
		return access, nil
	}
	access, _, err := readKubeconfig(kubeconfig, kubeContext)
	return access, err
}
