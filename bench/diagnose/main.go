// Command diagnose measures the diagnosis: how often it names the right first
// cause in a folder of labelled dumps, and how fast it is.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	root := &cobra.Command{Use: "diagnose", Short: "Measure the diagnosis", SilenceUsage: true}
	root.AddCommand(replayCommand(), whyCommand(), dumpsCommand(), stormCommand(), stormAPICommand())
	if err := root.ExecuteContext(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
