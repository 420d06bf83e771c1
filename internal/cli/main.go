package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

// Main runs the command line args, whose first word is the program's own name,
// and returns what the process is to exit with.
func Main(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	a := &app{name: programName(args[0]), in: in, out: out, errOut: errOut}
	root := a.root()
	root.SetArgs(args[1:])
	err := root.ExecuteContext(ctx)
	if err != nil && err.Error() != "" && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(errOut, a.paint(errOut, red, "error:"), err)
	}
	return exitCode(err)
}

// programName is how the user calls this program: kubectl runs its plugin
// `bulkhead` from an executable of the name kubectl-bulkhead.
func programName(path string) string {
	if strings.HasPrefix(filepath.Base(path), "kubectl-bulkhead") {
		return "kubectl bulkhead"
	}
	return "bulkhead"
}

// app is what the commands share.
type app struct {
	name       string
	in         io.Reader
	out        io.Writer
	errOut     io.Writer
	configFile string
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:         "bulkhead",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: a.name},
		Short:       "A whole Kubernetes on this machine, with one command",
		Long: a.text(`Bulkhead runs the whole of Kubernetes in one daemon on this machine.

  bulkhead up                 start it and wait until it is usable
  bulkhead kubectl get nodes  use it
  bulkhead status             see how it is
  bulkhead why                see what failed first
  bulkhead down               stop it; the data stays
  bulkhead reset              remove all that it made`),
		Args:              a.noCommand,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.errOut)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see `%s --help`", err, a.path(cmd))}
	})
	root.AddGroup(&cobra.Group{ID: "run", Title: "Run a cluster:"}, &cobra.Group{ID: "nodes", Title: "More nodes:"}, &cobra.Group{ID: "use", Title: "Use it:"}, &cobra.Group{ID: "ask", Title: "Ask what happened:"}, &cobra.Group{ID: "other", Title: "Other:"})
	root.SetHelpCommandGroupID("other")
	for group, commands := range map[string][]*cobra.Command{
		"run":   {a.up(), a.down(), a.reset(), a.status(), a.doctor(), a.service()},
		"nodes": {a.token(), a.join(), a.drain(), a.uncordon(), a.removeNode(), a.upgrade(), a.nodepool()},
		"use":   {a.kubectl(), a.image(), a.contain()},
		"ask":   {a.why(), a.history(), a.journal()},
		"other": {a.completion(), a.version(), a.supervise()},
	} {
		for _, command := range commands {
			command.GroupID = group
			root.AddCommand(command)
		}
	}
	return root
}

// noCommand refuses words where a command should be, and suggests one.
func (a *app) noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("no command is called %q; `%s --help` lists them", args[0], a.path(cmd))
	cmd.SuggestionsMinimumDistance = 2 // as cobra has it for its own message
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("no command is called %q; did you mean `%s %s`?", args[0], a.path(cmd), near[0])
	}
	return usageError{err}
}

// args makes a refusal by check a mistake in the command line.
func (a *app) args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%w; see `%s --help`", err, a.path(cmd))}
		}
		return nil
	}
}

// noArgs refuses all words.
func (a *app) noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%q is too much; `%s` takes flags only", args[0], a.path(cmd))}
	}
	return nil
}

// path is the command as the user types it.
func (a *app) path(cmd *cobra.Command) string {
	return cmd.CommandPath()
}

// text puts the program's name as the user calls it into examples.
func (a *app) text(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		indent := len(line) - len(strings.TrimLeft(line, " "))
		if rest, found := strings.CutPrefix(line[indent:], "bulkhead "); found && indent > 0 {
			lines[i] = line[:indent] + a.name + " " + rest
		}
	}
	return strings.Join(lines, "\n")
}

// locate declares the flags of a command that only has to find the daemon.
// The settings are complete once load has run.
func (a *app) locate(cmd *cobra.Command) (load func() (*config.Config, error)) {
	c := config.Default()
	c.AddDataDirFlag(cmd.Flags())
	a.addConfigFlag(cmd)
	return func() (*config.Config, error) {
		all := config.Default()
		flags := flagSet(all)
		all.AddJoinFlags(flags) // the file may be an agent's
		if cmd.Flags().Changed("data-dir") {
			if err := flags.Set("data-dir", c.DataDir); err != nil {
				return nil, usageError{err}
			}
		}
		if err := config.LoadFile(a.configFile, cmd.Flags().Changed("config"), flags); err != nil {
			return nil, err
		}
		return all, located(all)
	}
}

func (a *app) addConfigFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.configFile, "config", config.DefaultFile, "YAML file with settings, whose keys are the names of the flags of up")
}

// located fills in what it takes to find a daemon, and nothing that would need
// a network.
func located(c *config.Config) error {
	var err error
	if c.DataDir, err = filepath.Abs(c.DataDir); err != nil {
		return fmt.Errorf("find --data-dir: %w", err)
	}
	if c.WriteKubeconfig == "" {
		c.WriteKubeconfig = filepath.Join(c.DataDir, "kubeconfig")
	}
	return nil
}

func (a *app) client(c *config.Config) *admin.Client {
	return admin.NewClient(c.DataDir, c.AdminSocket())
}

// printf writes to the command's result. An error means that nobody reads on.
func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.out, format, args...) }

// note tells the user something beside the result.
func (a *app) note(format string, args ...any) {
	fmt.Fprintln(a.errOut, a.paint(a.errOut, yellow, "note:"), fmt.Sprintf(format, args...))
}
