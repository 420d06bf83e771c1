package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// shells are the ones that completion knows.
var shells = []struct {
	name   string
	script func(root *cobra.Command, w io.Writer) error
}{
	{"bash", func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) }},
	{"zsh", func(root *cobra.Command, w io.Writer) error { return root.GenZshCompletion(w) }},
	{"fish", func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) }},
	{"powershell", func(root *cobra.Command, w io.Writer) error { return root.GenPowerShellCompletionWithDesc(w) }},
}

func (a *app) completion() *cobra.Command {
	var names []string
	for _, shell := range shells {
		names = append(names, shell.name)
	}
	return &cobra.Command{
		Use:   "completion " + strings.Join(names, "|"),
		Short: "Print a script that completes commands in your shell",
		Example: a.text(`  source <(bulkhead completion bash)
  bulkhead completion bash > /etc/bash_completion.d/bulkhead
  bulkhead completion zsh > "${fpath[1]}/_bulkhead"
  bulkhead completion fish > ~/.config/fish/completions/bulkhead.fish
  bulkhead completion powershell | Out-String | Invoke-Expression`),
		ValidArgs: names,
		Args:      a.args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, shell := range shells {
				if shell.name == args[0] {
					return shell.script(cmd.Root(), a.out)
				}
			}
			return usageError{fmt.Errorf("no completion for %q; want %s", args[0], strings.Join(names, ", "))}
		},
	}
}
