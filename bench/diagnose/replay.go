package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump"
)

const replayHelp = `Read each sub-directory of FOLDER that has a label.json, diagnose what is in its
directory "dump", and compare.

label.json is {"kind": "app"|"node"|"namespace"|KIND, "name": "...", "namespace": "...", "cause": "..."}.
An app is hit by its workload, its pods, its Services and what else carries its
name; a namespace by the namespace and by the quotas and limits in it. "cause"
only groups the table.`

type label struct {
	Kind, Name, Namespace, Cause string
}

type outcome struct {
	name       string
	label      label
	rank       int // 1 is first; 0 is not among the candidates
	verdict    v1alpha1.Cause
	took, read time.Duration
	err        error
}

func replayCommand() *cobra.Command {
	var verbose bool
	var only string
	c := &cobra.Command{Use: "replay FOLDER", Short: "Compare verdicts with labels", Long: replayHelp, Args: cobra.ExactArgs(1)}
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "print each miss")
	c.Flags().StringVar(&only, "only", "", "only cases whose cause or name contains this")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		outcomes, err := replay(cmd.Context(), args[0], only)
		if err != nil {
			return err
		}
		report(cmd.OutOrStdout(), outcomes, verbose)
		return nil
	}
	return c
}

func replay(ctx context.Context, folder, only string) ([]outcome, error) {
	labels, err := filepath.Glob(filepath.Join(folder, "*", "label.json"))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", folder, err)
	}
	if len(labels) == 0 {
		return nil, fmt.Errorf("%s has no sub-directory with a label.json", folder)
	}
	var out []outcome
	for _, l := range labels {
		data, err := os.ReadFile(l)
		if err != nil {
			return nil, fmt.Errorf("read label: %w", err)
		}
		o := outcome{name: filepath.Base(filepath.Dir(l))}
		if err := json.Unmarshal(data, &o.label); err != nil {
			return nil, fmt.Errorf("read label %s: %w", l, err)
		}
		if only != "" && !strings.Contains(o.label.Cause, only) && !strings.Contains(o.name, only) {
			continue
		}
		o.run(ctx, filepath.Join(filepath.Dir(l), "dump"))
		out = append(out, o)
	}
	return out, nil
}

func (o *outcome) run(ctx context.Context, dir string) {
	start := time.Now()
	records, _, err := dump.Read(ctx, dir)
	o.read = time.Since(start)
	if err != nil {
		o.err = err
		return
	}
	start = time.Now()
	result := diagnose.Diagnose(slices.Values(records), diagnose.Options{})
	o.took = time.Since(start)
	if len(result.Incidents) == 0 {
		return
	}
	o.verdict = result.Incidents[0].FirstCause
	for n, c := range ranking(result) {
		if o.label.hit(c.Object) {
			o.rank = n + 1
			return
		}
	}
}

// ranking is the verdicts in the order in which a person reads them: the worst
// incident's first cause, its other candidates, then the next incidents'. An
// object counts once.
func ranking(r diagnose.Result) []v1alpha1.Cause {
	var out []v1alpha1.Cause
	add := func(c v1alpha1.Cause) {
		if !slices.ContainsFunc(out, func(o v1alpha1.Cause) bool { return o.Object == c.Object }) {
			out = append(out, c)
		}
	}
	for n, in := range r.Incidents {
		if n > 0 {
			add(in.FirstCause)
			continue
		}
		add(in.FirstCause)
		for _, c := range in.Candidates {
			add(c)
		}
	}
	return out
}

func (l label) hit(o v1alpha1.ObjectRef) bool {
	switch l.Kind {
	case "node":
		return o.Kind == "Node" && o.Name == l.Name
	case "namespace":
		return o.Kind == "Namespace" && o.Name == l.Name ||
			(o.Kind == "ResourceQuota" || o.Kind == "LimitRange") && o.Namespace == l.Name
	case "app":
		return o.Kind != "Node" && (o.Namespace == l.Namespace || o.Namespace == "") &&
			(o.Name == l.Name || strings.HasPrefix(o.Name, l.Name+"-"))
	}
	return strings.EqualFold(o.Kind, l.Kind) && o.Name == l.Name && o.Namespace == l.Namespace
}

func report(w io.Writer, all []outcome, verbose bool) {
	type count struct{ n, first, three int }
	causes := map[string]*count{}
	total := count{}
	buckets := map[string]*count{}
	var slowest, read time.Duration
	for _, o := range all {
		c := causes[o.label.Kind+" "+o.label.Cause]
		if c == nil {
			c = &count{}
			causes[o.label.Kind+" "+o.label.Cause] = c
		}
		b := buckets[bucket(o.verdict.Confidence)]
		if b == nil {
			b = &count{}
			buckets[bucket(o.verdict.Confidence)] = b
		}
		for _, c := range []*count{c, b, &total} {
			c.n++
			if o.rank == 1 {
				c.first++
			}
			if o.rank >= 1 && o.rank <= 3 {
				c.three++
			}
		}
		slowest, read = max(slowest, o.took), read+o.read
		if verbose && o.rank != 1 {
			fmt.Fprintf(w, "MISS %s: %s %s (%s): said %s/%s %s %.2f: %s; rank %d %v\n", o.name, o.label.Kind, o.label.Name, o.label.Cause,
				o.verdict.Object.Kind, o.verdict.Object.Name, o.verdict.Reason, o.verdict.Confidence, o.verdict.Message, o.rank, o.err)
		}
	}
	fmt.Fprintf(w, "%-50s %5s %6s %6s\n", "cause", "cases", "top 1", "top 3")
	for _, k := range keys(causes) {
		c := causes[k]
		fmt.Fprintf(w, "%-50s %5d %6d %6d\n", k, c.n, c.first, c.three)
	}
	fmt.Fprintf(w, "%-50s %5d %5.1f%% %5.1f%%\n\n", "all", total.n, percent(total.first, total.n), percent(total.three, total.n))
	fmt.Fprintf(w, "%-12s %5s %6s\n", "confidence", "cases", "right")
	for _, k := range keys(buckets) {
		b := buckets[k]
		fmt.Fprintf(w, "%-12s %5d %5.1f%%\n", k, b.n, percent(b.first, b.n))
	}
	fmt.Fprintf(w, "\nreading took %v a case, the slowest diagnosis %v\n", (read / time.Duration(max(1, len(all)))).Round(time.Millisecond), slowest.Round(time.Millisecond))
}

func bucket(c float64) string {
	for _, b := range []float64{0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.3} {
		if c >= b {
			return fmt.Sprintf("from %.2f", b)
		}
	}
	return "below 0.30"
}

func percent(n, of int) float64 { return 100 * float64(n) / float64(max(1, of)) }

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
