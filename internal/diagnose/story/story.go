package story

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/facts"
)

// Write tells all incidents, worst first. If there are none, last says what failed
// before and when that ended, where that is recorded.
func Write(w io.Writer, incidents []v1alpha1.IncidentStatus, now time.Time, last string) error {
	if len(incidents) == 0 {
		_, err := fmt.Fprintln(w, strings.TrimSpace("Nothing is failing. "+last))
		return err
	}
	for n, in := range incidents {
		if n > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		if len(incidents) > 1 {
			if _, err := fmt.Fprintf(w, "Incident %d of %d\n", n+1, len(incidents)); err != nil {
				return err
			}
		}
		if _, err := io.WriteString(w, Tell(in, now)); err != nil {
			return err
		}
	}
	return nil
}

// Tell is one incident as a story.
func Tell(in v1alpha1.IncidentStatus, now time.Time) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	c := in.FirstCause
	if c.Reason == v1alpha1.NoCauseRecorded {
		line("First cause: none recorded. %s", strings.TrimPrefix(upper(c.Message), "No cause recorded for: "))
	} else {
		line("First cause: %s: %s.", c.Object.Words(), c.Message)
		if k := facts.Kinds[c.Reason]; k.Means != "" {
			line("  That means: %s (%s).", k.Means, c.Reason)
		}
		line("  %s", certainty(c, now))
		for _, e := range known(c.Evidence, 2) {
			line("  We know from %s: %s", source[e.Kind], e.Message)
		}
	}
	if in.Closed != nil {
		line("It is over since %s UTC.", in.Closed.UTC().Format("2006-01-02 15:04:05"))
	}
	if s := spread(in.Chain); s != "" {
		line("How it spread: %s.", s)
	}
	line("Who is hit: %s.", Impact(in.BlastRadius))
	if s := not(in); s != "" {
		line("What it is not: %s.", s)
	}
	if len(in.NextSteps) > 0 {
		line("What to do: %s", in.NextSteps[0].Text)
		for _, s := range in.NextSteps {
			if s.Command != "" {
				line("  $ %s", s.Command)
			}
		}
	}
	return b.String()
}

// JSON writes {"incidents": [...]}.
func JSON(w io.Writer, incidents []v1alpha1.IncidentStatus) error {
	if incidents == nil {
		incidents = []v1alpha1.IncidentStatus{}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(map[string]any{"incidents": incidents})
}

var source = map[string]string{"state": "its state", "event": "an event", "log": "the log", "alert": "an alert", "exit": "how the process ended", "change": "a change"}

// known is the evidence that was observed, rather than weighed.
func known(all []v1alpha1.Evidence, n int) []v1alpha1.Evidence {
	var out []v1alpha1.Evidence
	for _, e := range all {
		if source[e.Kind] != "" && e.Weight == 0 && len(out) < n {
			out = append(out, e)
		}
	}
	return out
}

func certainty(c v1alpha1.Cause, now time.Time) string {
	s := "Since when is not recorded"
	if c.Since != nil {
		s = "Since " + c.Since.UTC().Format("2006-01-02 15:04:05") + " UTC"
		if d := now.Sub(c.Since.Time); d > 0 && !now.IsZero() {
			s += " (" + age(d) + " ago)"
		}
	}
	return fmt.Sprintf("%s. Confidence %.0f %%.", s, 100*c.Confidence)
}

func age(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// spread tells the links in their order; what is the same for several objects is
// told once.
func spread(chain []v1alpha1.Link) string {
	type step struct {
		before, after string
		names         []string
	}
	var steps []*step
	for _, l := range chain {
		to := strings.ToLower(l.To.Kind) + "/" + l.To.Name
		before, after, _ := strings.Cut(l.Sentence, to)
		if !strings.Contains(l.Sentence, to) {
			to = ""
		}
		i := slices.IndexFunc(steps, func(s *step) bool { return s.before == before && s.after == after })
		if i < 0 {
			steps = append(steps, &step{before: before, after: after})
			i = len(steps) - 1
		}
		if to != "" && !slices.Contains(steps[i].names, to) {
			steps[i].names = append(steps[i].names, to)
		}
	}
	const most = 4
	var out []string
	for _, s := range steps[:min(len(steps), most)] {
		out = append(out, s.before+several(s.names)+s.after)
	}
	if n := len(steps) - most; n > 0 {
		out = append(out, fmt.Sprintf("and %d more steps (-o tree shows them)", n))
	}
	return strings.Join(out, "; ")
}

func several(names []string) string {
	switch n := len(names); {
	case n == 0:
		return ""
	case n == 1:
		return names[0]
	case n <= 3:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return fmt.Sprintf("%s, %s and %d others", names[0], names[1], len(names)-2)
}

// Impact is the blast radius in words.
func Impact(b v1alpha1.BlastRadius) string {
	var out []string
	add := func(n int, one, many string, names []string) {
		switch n {
		case 0:
		case 1:
			out = append(out, "1 "+one+of(names))
		default:
			out = append(out, fmt.Sprintf("%d %s%s", n, many, of(names)))
		}
	}
	add(b.WorkloadCount, "workload", "workloads", b.Workloads)
	add(b.ServiceCount, "Service", "Services", b.Services)
	add(b.PodCount, "pod", "pods", nil)
	add(b.NodeCount, "node", "nodes", b.Nodes)
	if len(out) == 0 {
		return "nobody so far"
	}
	return strings.Join(out, ", ")
}

func of(names []string) string {
	if len(names) == 0 {
		return ""
	}
	const most = 4
	if len(names) > most {
		return " (" + strings.Join(names[:most], ", ") + ", …)"
	}
	return " (" + strings.Join(names, ", ") + ")"
}

func not(in v1alpha1.IncidentStatus) string {
	var out []string
	for _, r := range in.RuledOut {
		s := r.Object.Words() + " (" + r.Message + "): " + r.Why
		if len(s) > 160 {
			s = r.Object.Words() + " (" + r.Reason + "): " + r.Why
		}
		if out = append(out, s); len(out) == 2 {
			break
		}
	}
	return strings.Join(out, "; ")
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// Over says what failed before, and when that ended.
func Over(c v1alpha1.Cause, at, now time.Time) string {
	return fmt.Sprintf("The last failure ended %s ago: %s: %s.", age(now.Sub(at)), c.Object.Words(), c.Message)
}
