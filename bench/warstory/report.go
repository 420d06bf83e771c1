package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// result is what one side did. What JSON has are the figures to compare; a null is a
// thing that did not happen.
type result struct {
	// HealthyNodesHit were well, and came under pressure, were not ready, were
	// cordoned or deleted. NodesLost of them were deleted. NodesBought is by how many
	// the pool grew beyond what it began with.
	HealthyNodesHit  int      `json:"healthyNodesHit"`
	NodesLost        int      `json:"nodesLost"`
	NodesBought      int      `json:"nodesBought"`
	NeighbourSuccess float64  `json:"neighbourSuccess"`
	NeighbourP99     float64  `json:"neighbourP99Seconds"`
	GoodSuccess      float64  `json:"goodSuccess"`
	FirstCause       *float64 `json:"firstCauseSeconds"`
	// Stable is from the first crash until nothing was wrong with a node any more and
	// no neighbour failed.
	Stable *float64 `json:"stableSeconds"`

	start, end, crash, named, disturbed time.Time
	good, campaign, neighbours          figures
	nodes, most, nodesCame              int
	fullest                             float64
	cause, actions                      string
}

func (r *result) finish() {
	r.NeighbourSuccess, r.NeighbourP99, r.GoodSuccess = r.neighbours.success, r.neighbours.p99.Seconds(), r.good.success
	if r.crash.IsZero() {
		return
	}
	if !r.named.IsZero() {
		r.FirstCause = seconds(r.named.Sub(r.crash))
	}
	last := r.crash
	for _, at := range []time.Time{r.disturbed, r.neighbours.lastFailure} {
		if at.After(last) {
			last = at
		}
	}
	if r.end.Sub(last) >= quiet {
		r.Stable = seconds(last.Sub(r.crash))
	}
}

func seconds(d time.Duration) *float64 {
	s := float64(d.Round(100*time.Millisecond)) / float64(time.Second)
	return &s
}

// report writes the sides side by side.
func report(out io.Writer, results map[string]*result) {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w)
	var names []string
	for _, s := range sides() {
		if results[s.name] != nil {
			names = append(names, s.name)
		}
	}
	row := func(what string, value func(*result) string) {
		fmt.Fprint(w, what)
		for _, name := range names {
			fmt.Fprint(w, "\t", value(results[name]))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, "from the campaign's begin to its end")
	for _, name := range names {
		fmt.Fprint(w, "\t", name)
	}
	fmt.Fprintln(w)
	row("healthy nodes hit", func(r *result) string { return fmt.Sprintf("%d of %d", r.HealthyNodesHit, r.nodes+r.nodesCame) })
	row("nodes deleted or made anew", func(r *result) string { return fmt.Sprint(r.NodesLost) })
	row("nodes bought", func(r *result) string {
		return fmt.Sprintf("%d (%d of at most %d)", r.NodesBought, r.nodes+r.NodesBought, r.most)
	})
	row("fullest disk of a node", func(r *result) string { return fmt.Sprintf("%.0f %%", 100*r.fullest) })
	row("neighbours' requests", func(r *result) string { return requests(r.neighbours) })
	row("neighbours' 99th percentile", func(r *result) string { return r.neighbours.p99.Round(time.Millisecond).String() })
	row("good requests to the server", func(r *result) string { return requests(r.good) })
	row("the campaign's requests", func(r *result) string { return requests(r.campaign) })
	row("first crash until the cause is named", func(r *result) string { return orNever(r.FirstCause) })
	row("first crash until stable", func(r *result) string { return orNever(r.Stable) })
	w.Flush()
	for _, name := range names {
		if r := results[name]; r.cause != "" || r.actions != "" {
			fmt.Fprintf(out, "\n%s names as first cause: %s\n\n%s", name, r.cause, r.actions)
		}
	}
	fmt.Fprintln(out)
}

func requests(f figures) string {
	return fmt.Sprintf("%.2f %% answered (%d of %d failed)", 100*f.success, f.failed, f.all)
}

func orNever(s *float64) string {
	if s == nil {
		return "never"
	}
	return fmt.Sprintf("%.1f s", *s)
}
