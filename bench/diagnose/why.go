package main

import (
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/story"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump"
)

func whyCommand() *cobra.Command {
	var output string
	var factsToo bool
	c := &cobra.Command{Use: "why DUMP", Short: "Tell one dump's verdict", Args: cobra.ExactArgs(1)}
	c.Flags().StringVarP(&output, "output", "o", "story", "story, tree or json")
	c.Flags().BoolVar(&factsToo, "facts", false, "print the facts, too")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		records, _, err := dump.Read(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		r := diagnose.Diagnose(slices.Values(records), diagnose.Options{})
		if factsToo {
			printFacts(r)
		}
		switch output {
		case "json":
			return story.JSON(os.Stdout, r.Incidents)
		case "tree":
			return story.Tree(os.Stdout, r.Incidents)
		}
		last := ""
		if c := r.LastClosed; c != nil {
			last = story.Over(c.Cause, c.At, r.Now)
		}
		return story.Write(os.Stdout, r.Incidents, r.Now, last)
	}
	return c
}
