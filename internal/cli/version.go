package cli

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/version"
)

// versions are what `version` prints.
type versions struct {
	Client   string `json:"client"`
	Platform string `json:"platform"`
	Go       string `json:"go"`
	// Daemon is the version of the running daemon, else of the program.
	Daemon     string `json:"daemon,omitempty"`
	Kubernetes string `json:"kubernetes"`
	Running    bool   `json:"running"`
}

func (a *app) version() *cobra.Command {
	var clientOnly bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of this program, of the daemon and of Kubernetes",
		Example: a.text(`  bulkhead version
  bulkhead version --client    # ask nobody else
  bulkhead version -o json`),
		Args: a.noArgs,
	}
	load := a.locate(cmd)
	cmd.Flags().BoolVar(&clientOnly, "client", false, "this program's versions only")
	output := addOutput(cmd, table, asJSON, asYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := load()
		if err != nil {
			return err
		}
		v := clientVersions()
		if !clientOnly {
			a.addDaemon(cmd.Context(), c, &v)
		}
		if *output != table {
			return printAs(a.out, *output, v)
		}
		a.printf("bulkhead    %s (%s, %s)\n", v.Client, v.Platform, v.Go)
		switch {
		case clientOnly:
		case v.Running:
			a.printf("bulkheadd   %s, running\n", v.Daemon)
		case v.Daemon != "":
			a.printf("bulkheadd   %s, not running\n", v.Daemon)
		default:
			a.printf("bulkheadd   not found\n")
		}
		a.printf("Kubernetes  %s\n", v.Kubernetes)
		if v.Daemon != "" && v.Daemon != v.Client {
			a.note("this program and the daemon are of different versions; `%s down` and `%s up` start the new one", a.name, a.name)
		}
		return nil
	}
	return cmd
}

func clientVersions() versions {
	return versions{
		Client: version.Bulkhead(), Kubernetes: version.Kubernetes(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
	}
}

// addDaemon asks the daemon of c, or else its program, which takes half a
// second to start.
func (a *app) addDaemon(ctx context.Context, c *config.Config, v *versions) {
	client := a.client(c)
	defer client.Close()
	status, err := client.Status(ctx)
	if err == nil {
		v.Daemon, v.Kubernetes, v.Running = status.Version, status.KubernetesVersion, true
		return
	}
	if !errors.Is(err, admin.ErrNotRunning) {
		a.note("%v", err)
	}
	path, err := findDaemon()
	if err != nil {
		return
	}
	var program struct{ Bulkhead, Kubernetes string }
	data, err := exec.CommandContext(ctx, path, "version", "--output=json").Output()
	if err == nil && json.Unmarshal(data, &program) == nil {
		v.Daemon, v.Kubernetes = program.Bulkhead, program.Kubernetes
	}
}
