package facts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// Fact is something that is so, or was so.
type Fact struct {
	// ID is a row of Kinds.
	ID     string
	Object model.Key
	// Since is when it began, Until when it ended; zero if that is not known.
	Since, Until time.Time
	// Still says that it holds now, as far as is known.
	Still   bool
	Message string
	// Strength is how sure the observation is, between 0 and 1.
	Strength float64
	Evidence []Evidence
	// About are other objects that it names: what is missing, called, selected.
	About []model.Key
	// Pods are those that it holds for, where it is not for all of the workload's.
	Pods []model.Key
	// Gone says why it no longer counts, if it ended.
	Gone string
	// Quiet says that nobody is seen to be harmed by it, though others like it harm.
	Quiet bool
	// Size orders facts of one kind: how much slower, how many times.
	Size float64
}

// Evidence is one observation behind a fact.
type Evidence struct {
	Kind    string // state, event, log, alert, exit, change
	Message string
	Time    time.Time
	Weight  float64
}

// Detector finds the facts of one topic.
type Detector struct {
	Name string
	Find func(m *model.Model, emit func(Fact))
}

// Find runs all detectors; the facts come in a fixed order, each once.
func Find(m *model.Model) []Fact {
	var out []Fact
	type id struct {
		id     string
		object model.Key
		about  model.Key
	}
	at := map[id]int{}
	for _, d := range Detectors {
		d.Find(m, func(f Fact) {
			if f.Strength == 0 {
				f.Strength = 0.9
			}
			k := id{id: f.ID, object: f.Object}
			if len(f.About) > 0 && perTarget[f.ID] {
				k.about = f.About[0]
			}
			if i, ok := at[k]; ok {
				out[i] = joined(out[i], f)
				return
			}
			at[k] = len(out)
			out = append(out, f)
		})
	}
	slices.SortStableFunc(out, func(a, b Fact) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), a.Object.Compare(b.Object))
	})
	return out
}

// perTarget are the facts that are one for each object that they are about.
var perTarget = map[string]bool{
	"CallsFail": true, "ExternalUnreachable": true, "NameNotResolved": true, "DatabaseUnreachable": true, "AddressWrongPort": true, "AddressUnknown": true,
	"SecretMissing": true, "ConfigMapMissing": true, "SecretKeyMissing": true, "ConfigKeyMissing": true, "ClaimMissing": true,
}

// joined is what two observations of the same fact say together.
func joined(a, b Fact) Fact {
	if !a.Still && b.Still {
		a, b = b, a
	}
	if a.Still == b.Still {
		a.Since = earliest(a.Since, b.Since)
	}
	if len(a.Evidence) < 6 {
		for _, e := range b.Evidence {
			if !slices.ContainsFunc(a.Evidence, func(x Evidence) bool { return x.Kind == e.Kind && x.Message == e.Message }) {
				a.Evidence = append(a.Evidence, e)
			}
		}
	}
	a.Strength = max(a.Strength, b.Strength)
	a.Size = max(a.Size, b.Size)
	a.Quiet = a.Quiet && b.Quiet
	for _, k := range b.About {
		if !slices.Contains(a.About, k) {
			a.About = append(a.About, k)
		}
	}
	for _, p := range b.Pods {
		if !slices.Contains(a.Pods, p) {
			a.Pods = append(a.Pods, p)
		}
	}
	return a
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

func evidence(kind, message string, at time.Time) Evidence {
	return Evidence{Kind: kind, Message: clip(message, 400), Time: at}
}

func clip(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// clipError shortens an error that others have wrapped: what went wrong stands at
// its end.
func clipError(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= n {
		return s
	}
	first, rest, _ := strings.Cut(s, ": ")
	for len(first)+len(rest) > n {
		_, shorter, more := strings.Cut(rest, ": ")
		if !more {
			return clip(s, n)
		}
		rest = shorter
	}
	return first + ": …: " + rest
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func list(names []string) string {
	switch n := len(names); {
	case n == 0:
		return "none"
	case n > 5:
		return strings.Join(names[:5], ", ") + " and others"
	}
	return strings.Join(names, ", ")
}
