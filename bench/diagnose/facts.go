package main

import (
	"fmt"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose"
)

// printFacts prints what the verdict was made of.
func printFacts(r diagnose.Result) {
	for i, f := range r.Graph.Facts {
		state := "holds"
		if !f.Still {
			state = "over: " + f.Gone
		}
		fmt.Printf("%3d %-24s %-40s %s %s | %.2f %s | about %v\n", i, f.ID, f.Object, state, f.Since.UTC().Format("15:04:05"), f.Strength, f.Message, f.About)
	}
	for _, e := range r.Graph.Edges {
		fmt.Printf("    %d -> %d (%s)\n", e.Cause, e.Effect, e.Rule.Relation)
	}
}
