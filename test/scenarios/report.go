package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// judged judges a scenario with the noise of its time.
func (s *scenario) judged(ctx context.Context) (*outcome, error) {
	records, err := s.read(ctx, s.files)
	if err != nil {
		return nil, err
	}
	return judge(ctx, s, noiseAt(records[len(records)-1].Time))
}

// report prints the table and the gates.
func report(w io.Writer, outcomes []*outcome, verbose bool) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SCENARIO\tTOP\tCHAIN\tMUTATION\tNOISE\tCONFIDENCE\tVERDICT")
	for _, o := range outcomes {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", o.scenario.Name, o.top(), o.mark(o.chain), o.mark(o.mutated), word(o.quiet), o.confidence(), o.said())
	}
	t.Flush()
	fmt.Fprintln(w)
	for _, o := range outcomes {
		if (o.passes() || len(o.notes) == 0) && !verbose {
			continue
		}
		for _, n := range o.notes {
			fmt.Fprintf(w, "%s: %s\n", o.scenario.Name, n)
		}
		if o.scenario.Known != "" {
			fmt.Fprintf(w, "%s: known: %s\n", o.scenario.Name, o.scenario.Known)
		}
	}
	gates(w, outcomes)
	buckets(w, outcomes)
	used(w, cover(outcomes), verbose)
}

func (o *outcome) top() string {
	switch {
	case !o.scenario.named():
		return word(o.right())
	case o.rank == 0:
		return "no"
	}
	return fmt.Sprint(o.rank)
}

// mark is empty for what is not asked of a scenario without a first cause.
func (o *outcome) mark(ok bool) string {
	if !o.scenario.named() {
		return "-"
	}
	return word(ok)
}

func word(ok bool) string {
	if ok {
		return "ok"
	}
	return "NO"
}

func (o *outcome) confidence() string {
	if o.incidents == 0 || o.verdict.Confidence == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", o.verdict.Confidence)
}

func (o *outcome) said() string {
	if o.incidents == 0 {
		return "no incident"
	}
	return name(o.verdict)
}

// gates prints how many scenarios hold each gate.
func gates(w io.Writer, outcomes []*outcome) {
	g := count(outcomes)
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "first cause, top 1\t%d of %d\t%s\n", g.top1, g.named, share(g.top1, g.named))
	fmt.Fprintf(t, "first cause, top 3\t%d of %d\t%s\n", g.top3, g.named, share(g.top3, g.named))
	fmt.Fprintf(t, "chain right\t%d of %d\t%s\n", g.chain, g.named, share(g.chain, g.named))
	fmt.Fprintf(t, "\"no cause recorded\" said\t%d of %d\t%s\n", g.noCause, g.unnamed, share(g.noCause, g.unnamed))
	fmt.Fprintf(t, "false incidents on healthy clusters\t%d in %d\n", g.falseIncidents, g.healthy)
	fmt.Fprintf(t, "mutation: verdict moves\t%d of %d\t%s\n", g.mutated, g.named, share(g.mutated, g.named))
	fmt.Fprintf(t, "noise: verdict stays\t%d of %d\t%s\n", g.quiet, len(outcomes), share(g.quiet, len(outcomes)))
	t.Flush()
}

type counts struct {
	named, top1, top3, chain, mutated int
	unnamed, noCause                  int
	healthy, falseIncidents           int
	quiet                             int
}

func count(outcomes []*outcome) counts {
	var g counts
	for _, o := range outcomes {
		g.quiet += one(o.quiet)
		switch {
		case o.scenario.Healthy:
			g.healthy++
			g.falseIncidents += o.incidents
		case o.scenario.NoCause:
			g.unnamed++
			g.noCause += one(o.right())
		default:
			g.named++
			g.top1 += one(o.rank == 1)
			g.top3 += one(o.rank > 0 && o.rank <= 3)
			g.chain += one(o.rank == 1 && o.chain)
			// A verdict that was never there cannot move.
			g.mutated += one(o.rank == 1 && o.mutated)
		}
	}
	return g
}

func one(ok bool) int {
	if ok {
		return 1
	}
	return 0
}

func share(n, of int) string {
	if of == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f %%", 100*float64(n)/float64(of))
}

// bounds part the confidences; each bucket starts at its bound.
var bounds = []float64{0, 0.5, 0.7, 0.8, 0.9}

// buckets prints how often verdicts of a confidence are right.
func buckets(w io.Writer, outcomes []*outcome) {
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CONFIDENCE\tVERDICTS\tMEAN\tRIGHT")
	for i, from := range bounds {
		to := 1.0001
		if i+1 < len(bounds) {
			to = bounds[i+1]
		}
		n, right, sum := 0, 0, 0.0
		for _, o := range outcomes {
			c := o.verdict.Confidence
			if o.incidents == 0 || c == 0 || c < from || c >= to {
				continue
			}
			n++
			sum += c
			right += one(o.right())
		}
		if n > 0 {
			fmt.Fprintf(t, "%.1f to %.1f\t%d\t%.2f\t%s\n", from, min(to, 1), n, sum/float64(n), share(right, n))
		}
	}
	t.Flush()
}

func used(w io.Writer, c coverage, verbose bool) {
	fmt.Fprintf(w, "\nrows of rules used: %d of %d; first causes found: %d of %d\n", c.usedRows, c.rows, c.usedCauses, c.causes)
	if verbose {
		fmt.Fprintf(w, "rows not used:\n  %s\n", strings.Join(c.unusedRows, "\n  "))
		fmt.Fprintf(w, "first causes not found: %s\n", strings.Join(c.unusedCauses, " "))
	}
}
