package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/doctor"
)

func (a *app) doctor() *cobra.Command {
	c := config.Default()
	settings := flagSet(c)
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine for what would keep a cluster from running",
		Long: `Check this machine and say what was found and what to do about it. It changes
nothing. Give it the flags that you would give to ` + "`up`" + `: what matters depends on them.

Exit codes: 0 a cluster can run, 1 something has to be remedied first.`,
		Example: a.text(`  bulkhead doctor
  bulkhead doctor --simulate
  bulkhead doctor -o json | jq '.[] | select(.verdict != "OK")'`),
		Args: a.noArgs,
	}
	a.addSettings(cmd, settings)
	output := addOutput(cmd, table, asJSON, asYAML)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if _, err := a.loadSettings(cmd, settings, c); err != nil {
			return err
		}
		// Without a default route this fails, which a check tells better.
		_ = c.Complete()
		results := doctor.Run(cmd.Context(), c)
		failed := 0
		for _, result := range results {
			if result.Verdict == doctor.Failure {
				failed++
			}
		}
		if *output != table {
			if err := printAs(a.out, *output, results); err != nil {
				return err
			}
		} else {
			a.printResults(results)
		}
		if failed > 0 {
			return codeError(exitFailed)
		}
		return nil
	}
	return cmd
}

func (a *app) printResults(results []doctor.Result) {
	counts := map[doctor.Verdict]int{}
	colors := map[doctor.Verdict]color{doctor.OK: green, doctor.Warning: yellow, doctor.Failure: red}
	for _, result := range results {
		counts[result.Verdict]++
		verdict := a.paint(a.out, colors[result.Verdict], fmt.Sprintf("%-8s", result.Verdict))
		a.printf("%s %-20s %s\n", verdict, result.Check, result.Found)
		if result.Remedy != "" {
			a.printf("%s%s\n", strings.Repeat(" ", 30), a.paint(a.out, faint, "→ "+result.Remedy))
		}
	}
	switch {
	case counts[doctor.Failure] > 0:
		a.printf("\n%d of %d checks failed: a cluster cannot run here until they are remedied.\n", counts[doctor.Failure], len(results))
	case counts[doctor.Warning] > 0:
		a.printf("\nA cluster can run here, with %d warnings.\n", counts[doctor.Warning])
	default:
		a.printf("\nA cluster can run here.\n")
	}
}
