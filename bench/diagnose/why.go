package main

import (
	"fmt"
	"os"
	"runtime/pprof"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/story"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump"
)

func whyCommand() *cobra.Command {
	var output, profile string
	var factsToo bool
	c := &cobra.Command{Use: "why DUMP", Short: "Tell one dump's verdict", Args: cobra.ExactArgs(1)}
	c.Flags().StringVarP(&output, "output", "o", "story", "story, tree or json")
	c.Flags().BoolVar(&factsToo, "facts", false, "print the facts, too")
	c.Flags().StringVar(&profile, "cpuprofile", "", "write a profile of the processor time here, for go tool pprof")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		stop, err := profiled(profile)
		if err != nil {
			return err
		}
		defer stop()
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

// profiled profiles until stop is called, if path names a file.
func profiled(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("profile: %w", err)
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close()
	}, nil
}
