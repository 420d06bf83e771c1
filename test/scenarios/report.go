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
	fmt.Fprintf(w, "\n%s", summary(outcomes))
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

// gate is a row of the gates' table.
type gate struct{ name, holds, share string }

// gates are how many scenarios hold each gate.
func gates(outcomes []*outcome) []gate {
	g := count(outcomes)
	of := func(name string, n, all int) gate { return gate{name, fmt.Sprintf("%d of %d", n, all), share(n, all)} }
	return []gate{
		of("object of the first cause, top 1", g.object1, g.named),
		of("object of the first cause, top 3", g.object3, g.named),
		of("object and reason, top 1", g.top1, g.named),
		of("object and reason, top 3", g.top3, g.named),
		of("object and reason where one reason alone is right, top 1", g.exact, g.single),
		of("chain right", g.chain, g.named),
		of("\"no cause recorded\" said", g.noCause, g.unnamed),
		{"false incidents on healthy clusters", fmt.Sprintf("%d in %d", g.falseIncidents, g.healthy), ""},
		of("mutation: verdict moves", g.mutated, g.named),
		of("noise: verdict stays", g.quiet, len(outcomes)),
	}
}

type counts struct {
	named, object1, object3, top1, top3, chain, mutated int
	single, exact                                       int
	unnamed, noCause                                    int
	healthy, falseIncidents                             int
	quiet                                               int
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
			g.object1 += one(o.object == 1)
			g.object3 += one(o.object > 0 && o.object <= 3)
			g.top1 += one(o.rank == 1)
			g.top3 += one(o.rank > 0 && o.rank <= 3)
			g.chain += one(o.rank == 1 && o.chain)
			// A verdict that was never there cannot move.
			g.mutated += one(o.rank == 1 && o.mutated)
			if !strings.Contains(o.scenario.FirstCause.Reason, "|") {
				g.single++
				g.exact += one(o.rank == 1)
			}
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

// bucket is the answers of like confidence.
type bucket struct {
	from, to float64
	n, right int
	mean     float64
}

// buckets are how often answers of a confidence are right.
func buckets(outcomes []*outcome) []bucket {
	var all []bucket
	for i, from := range bounds {
		b := bucket{from: from, to: 1.0001}
		if i+1 < len(bounds) {
			b.to = bounds[i+1]
		}
		for _, o := range outcomes {
			c := o.verdict.Confidence
			if o.incidents == 0 || c == 0 || c < from || c >= b.to {
				continue
			}
			b.n++
			b.mean += c
			b.right += one(o.right())
		}
		if b.n > 0 {
			b.mean /= float64(b.n)
			all = append(all, b)
		}
	}
	return all
}

// summary is the two tables as docs/diagnosis.md shows them.
func summary(outcomes []*outcome) string {
	var w strings.Builder
	fmt.Fprint(&w, "| gate | holds | |\n|---|---|---|\n")
	for _, g := range gates(outcomes) {
		fmt.Fprintf(&w, "| %s | %s | %s |\n", g.name, g.holds, g.share)
	}
	fmt.Fprint(&w, "\n| confidence | answers | mean | right |\n|---|---|---|---|\n")
	for _, b := range buckets(outcomes) {
		fmt.Fprintf(&w, "| %.1f to %.1f | %d | %.2f | %s |\n", b.from, min(b.to, 1), b.n, b.mean, share(b.right, b.n))
	}
	return w.String()
}

func used(w io.Writer, c coverage, verbose bool) {
	fmt.Fprintf(w, "\nrows of rules used: %d of %d; first causes found: %d of %d\n", c.usedRows, c.rows, c.usedCauses, c.causes)
	if verbose {
		fmt.Fprintf(w, "rows not used:\n  %s\n", strings.Join(c.unusedRows, "\n  "))
		fmt.Fprintf(w, "first causes not found: %s\n", strings.Join(c.unusedCauses, " "))
	}
}
