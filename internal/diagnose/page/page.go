package page

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/facts"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/story"
)

//go:embed page.html
var source string

// Verdict is what a page shows.
type Verdict struct {
	// Incidents come worst first.
	Incidents []v1alpha1.IncidentStatus
	// Now is the time of the verdict.
	Now time.Time
	// Last says what failed before, if nothing fails now.
	Last string
	// Subject is what was asked about, as a cluster's or an archive's name.
	Subject string
	// Notes say what could not be seen.
	Notes []string
}

// incident is one with its drawings.
type incident struct {
	v1alpha1.IncidentStatus
	Number    int
	Explained bool
	Means     string
	Chain     chain
	Timeline  timeline
}

// Write writes the page.
func Write(w io.Writer, v Verdict) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"time": clock, "percent": func(f float64) string { return fmt.Sprintf("%.0f %%", 100*f) }, "upper": upper, "impact": story.Impact,
	}).Parse(source)
	if err != nil {
		return fmt.Errorf("read the page's template: %w", err)
	}
	data := struct {
		Verdict
		Shown []incident
	}{Verdict: v}
	for n, s := range v.Incidents {
		data.Shown = append(data.Shown, incident{
			IncidentStatus: s, Number: n + 1, Explained: s.FirstCause.Reason != v1alpha1.NoCauseRecorded,
			Means: facts.Kinds[s.FirstCause.Reason].Means, Chain: layChain(s), Timeline: layTimeline(s, v.Now),
		})
	}
	var b bytes.Buffer // a page that fails half-way is none
	if err := t.Execute(&b, data); err != nil {
		return fmt.Errorf("draw the page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// clock is a time of any of the types that statuses have.
func clock(t any) string {
	switch t := t.(type) {
	case time.Time:
		return text(t)
	case interface{ UTC() time.Time }:
		return text(t.UTC())
	}
	return ""
}

func text(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}

// upper begins a sentence; an object's name stays as kubectl writes it.
func upper(s string) string {
	first, _, _ := strings.Cut(s, " ")
	if first == "" || strings.Contains(first, "/") {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// clip cuts a text that would not fit into a drawing.
func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
