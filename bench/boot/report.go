package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// report is all that a benchmark found out; it is what the JSON holds.
type report struct {
	Command string   `json:"command"`
	Machine machine  `json:"machine"`
	Sides   []string `json:"sides"` // the last one is what ratios refer to
	Samples []sample `json:"samples"`
}

// row is one line: a median for each side, and how many runs it is of.
type row struct {
	metric
	medians []float64 // NaN-free: absent sides have runs 0
	runs    []int
}

// rows are those metrics of which there is any figure.
func (r *report) rows() []row {
	var rows []row
	for _, m := range metrics {
		line, any := row{metric: m}, false
		for _, name := range r.Sides {
			var values []float64
			for _, s := range r.Samples {
				if v, ok := s.Figures[m.name]; ok && s.Side == name {
					values = append(values, v)
				}
			}
			line.medians = append(line.medians, median(values))
			line.runs = append(line.runs, len(values))
			any = any || len(values) > 0
		}
		if any {
			rows = append(rows, line)
		}
	}
	return rows
}

// median of no values is 0.
func median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// cells are a row as text: title, a median a side, a ratio for each side but the
// last, and the number of runs.
func (w row) cells() []string {
	last := len(w.medians) - 1
	cells := []string{w.title}
	for i, m := range w.medians {
		if w.runs[i] == 0 {
			cells = append(cells, "–")
			continue
		}
		cells = append(cells, w.unit.format(m))
	}
	for i := range last {
		if w.runs[i] == 0 || w.runs[last] == 0 || w.medians[last] == 0 {
			cells = append(cells, "–")
			continue
		}
		cells = append(cells, fmt.Sprintf("%.2f×", w.medians[i]/w.medians[last]))
	}
	return append(cells, fmt.Sprint(slices.Max(w.runs)))
}

func (r *report) header() []string {
	last := len(r.Sides) - 1
	header := append([]string{"median"}, r.Sides...)
	for _, name := range r.Sides[:last] {
		header = append(header, name+" / "+r.Sides[last])
	}
	return append(header, "runs")
}

// text writes an aligned table.
func (r *report) text(w io.Writer) {
	table := [][]string{r.header()}
	for _, line := range r.rows() {
		table = append(table, line.cells())
	}
	widths := make([]int, len(table[0]))
	for _, cells := range table {
		for i, cell := range cells {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, cells := range table {
		for i, cell := range cells {
			pad := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			if i == 0 {
				fmt.Fprint(w, cell, pad)
			} else {
				fmt.Fprint(w, "  ", pad, cell)
			}
		}
		fmt.Fprintln(w)
	}
}

// markdown writes the same for docs/measurements.md.
func (r *report) markdown(w io.Writer) {
	fmt.Fprintf(w, "```\n%s\n```\n\n%s\n\n", r.Command, r.Machine)
	header := r.header()
	fmt.Fprintf(w, "| %s |\n|---|%s\n", strings.Join(header, " | "), strings.Repeat("---:|", len(header)-1))
	hasPhases := false
	for _, line := range r.rows() {
		fmt.Fprintf(w, "| %s |\n", strings.Join(line.cells(), " | "))
		hasPhases = hasPhases || line.name == "phase-dns"
	}
	if !hasPhases {
		return
	}
	var others []string
	for _, p := range published {
		others = append(others, fmt.Sprintf("%s %.1f s", p.name, p.seconds))
	}
	fmt.Fprintf(w, "\nPublished by minikube's time-to-k8s v1.36.0 for all six phases, **on other hardware and with image pulls**: %s.\n", strings.Join(others, ", "))
}

func (r *report) writeFiles(jsonPath, markdownPath string) error {
	if jsonPath != "" {
		data, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(jsonPath, append(data, '\n'), 0o644); err != nil {
			return err
		}
	}
	if markdownPath != "" {
		var b strings.Builder
		r.markdown(&b)
		return os.WriteFile(markdownPath, []byte(b.String()), 0o644)
	}
	return nil
}
