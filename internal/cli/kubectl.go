package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) kubectl() *cobra.Command {
	return &cobra.Command{
		Use:   "kubectl [--data-dir DIR] ARGUMENT...",
		Short: "Run the kubectl that is built in, on this cluster",
		Long: `Run the kubectl that is built into the daemon, with the administrator's kubeconfig
of this cluster. --kubeconfig among the arguments chooses another; $KUBECONFIG does
not, so that a command for this cluster never goes to another by accident. --data-dir
and --config come before kubectl's own arguments.`,
		Example: a.text(`  bulkhead kubectl get nodes
  bulkhead kubectl apply -f app.yaml
  bulkhead kubectl --data-dir ~/cluster get pods -A`),
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			own, rest, err := splitKubectl(args)
			if err != nil {
				return err
			}
			if len(rest) == 0 {
				return cmd.Help()
			}
			locator := &cobra.Command{}
			load := a.locate(locator)
			if err := locator.ParseFlags(own); err != nil {
				return usageError{err}
			}
			c, err := load()
			if err != nil {
				return err
			}
			path, args, err := kubectlProgram()
			if err != nil {
				return err
			}
			if !givesKubeconfig(rest) {
				if _, err := os.Stat(c.WriteKubeconfig); err != nil {
					return fmt.Errorf("the cluster's kubeconfig cannot be read: %w; start the cluster with `%s up`, or give --kubeconfig", err, a.name)
				}
				if err := os.Setenv("KUBECONFIG", c.WriteKubeconfig); err != nil {
					return err
				}
			}
			code, err := become(path, append(args, rest...), os.Environ())
			if err != nil {
				return fmt.Errorf("run %s: %w", path, err)
			}
			if code != exitOK {
				return codeError(code)
			}
			return nil
		},
	}
}

// ownFlags are the ones that are ours when they come first.
var ownFlags = []string{"--data-dir", "-d", "--config"}

// splitKubectl takes our flags off the front of the arguments.
func splitKubectl(args []string) (own, rest []string, err error) {
	for len(args) > 0 {
		mine, whole := false, false
		for _, flag := range ownFlags {
			mine = mine || args[0] == flag
			whole = whole || strings.HasPrefix(args[0], flag+"=")
		}
		switch {
		case whole:
			own, args = append(own, args[0]), args[1:]
		case mine && len(args) == 1:
			return nil, nil, usageError{fmt.Errorf("%s needs a value", args[0])}
		case mine:
			own, args = append(own, args[:2]...), args[2:]
		default:
			return own, args, nil
		}
	}
	return own, nil, nil
}

// givesKubeconfig says whether kubectl's arguments choose a kubeconfig.
func givesKubeconfig(args []string) bool {
	for _, arg := range args {
		if arg == "--" {
			return false
		}
		if arg == "--kubeconfig" || strings.HasPrefix(arg, "--kubeconfig=") {
			return true
		}
	}
	return false
}

// kubectlProgram is what runs kubectl: the daemon, and on machines that have
// none, kubectl itself.
func kubectlProgram() (path string, args []string, err error) {
	if path, err = findDaemon(); err == nil {
		return path, []string{daemonName, "kubectl"}, nil
	}
	if path, kubectlErr := exec.LookPath("kubectl"); kubectlErr == nil {
		return path, []string{"kubectl"}, nil
	}
	return "", nil, errors.Join(err, errors.New("and there is no kubectl in PATH"))
}
