package results

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// JSON writes everything.
func (s Summary) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(s)
}

// Table writes for a terminal: counts a SIG, then what did not pass.
func (s Summary) Table(w io.Writer) error {
	fmt.Fprintf(w, "Kubernetes %s, %s: %s, in %s\n\n", s.KubernetesVersion, s.Focus, s.counts(), s.duration())
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "SIG\tPASSED\tFAILED\tSKIPPED\tNOT RUN")
	for _, row := range s.bySIG() {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\n", row.Focus, row.Passed, row.Failed, row.Skipped, row.NotRun)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, o := range []Outcome{Failed, Skipped} {
		if specs := s.with(o); len(specs) > 0 {
			fmt.Fprintf(w, "\n%s:\n", strings.ToUpper(string(o)))
			for _, spec := range specs {
				fmt.Fprintf(w, "  %s\n      %s\n", spec.Name, spec.Reason)
			}
		}
	}
	for _, spec := range s.with(Passed) {
		if spec.Attempts > 1 {
			fmt.Fprintf(w, "\npassed at attempt %d: %s\n", spec.Attempts, spec.Name)
		}
	}
	return nil
}

// Markdown writes a page for the documentation.
func (s Summary) Markdown(w io.Writer, command string) error {
	b := &strings.Builder{}
	fmt.Fprintf(b, "# Conformance\n\nThe `[Conformance]` specs of Kubernetes %s, run against a cluster of one node: %s, in %s.\n\n",
		s.KubernetesVersion, s.counts(), s.duration())
	fmt.Fprintf(b, "Written by `%s` from ginkgo's reports; the suite is compiled from the module, and no image was pulled.\n\n", command)
	fmt.Fprintf(b, "| SIG | passed | failed | skipped | not run |\n|---|---:|---:|---:|---:|\n")
	for _, row := range s.bySIG() {
		fmt.Fprintf(b, "| %s | %d | %d | %d | %d |\n", row.Focus, row.Passed, row.Failed, row.Skipped, row.NotRun)
	}
	for _, part := range []struct {
		title string
		o     Outcome
	}{{"Failed", Failed}, {"Skipped", Skipped}, {"Not run", NotRun}} {
		specs := s.with(part.o)
		if len(specs) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n## %s\n\n| spec | reason |\n|---|---|\n", part.title)
		for _, spec := range specs {
			fmt.Fprintf(b, "| %s | %s |\n", cell(spec.Name), cell(spec.Reason))
		}
	}
	fmt.Fprintf(b, "\n## Passed\n\n| spec | seconds |\n|---|---:|\n")
	for _, spec := range s.with(Passed) {
		fmt.Fprintf(b, "| %s | %.1f |\n", cell(spec.Name), spec.Seconds)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s Summary) counts() string {
	text := fmt.Sprintf("%d passed, %d failed, %d skipped", s.Passed, s.Failed, s.Skipped)
	if s.NotRun > 0 {
		text += fmt.Sprintf(", %d not run", s.NotRun)
	}
	return text + fmt.Sprintf(" of %d", len(s.Specs))
}

func (s Summary) duration() string {
	return time.Duration(s.Seconds * float64(time.Second)).Round(time.Second).String()
}

func (s Summary) with(o Outcome) []Spec {
	return slices.DeleteFunc(slices.Clone(s.Specs), func(spec Spec) bool { return spec.Outcome != o })
}

// bySIG counts each SIG's specs; its name stands in Focus.
func (s Summary) bySIG() []Summary {
	var rows []Summary
	for specs := s.Specs; len(specs) > 0; {
		n := slices.IndexFunc(specs, func(spec Spec) bool { return spec.SIG != specs[0].SIG })
		if n < 0 {
			n = len(specs)
		}
		rows = append(rows, Summarize("", specs[0].SIG, 0, specs[:n]))
		specs = specs[n:]
	}
	return rows
}

// cell keeps a text from breaking a table's row.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "`", "'").Replace(text)
}
