package results

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Outcome is what became of a spec.
type Outcome string

const (
	Passed Outcome = "passed"
	Failed Outcome = "failed"
	// Skipped specs ran and said that this cluster cannot have them.
	Skipped Outcome = "skipped"
	// NotRun specs were not chosen, or their time was over.
	NotRun Outcome = "not run"
)

// Spec is one conformance spec and what became of it.
type Spec struct {
	Name    string  `json:"name"`
	SIG     string  `json:"sig"`
	Serial  bool    `json:"serial,omitempty"`
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitempty"`
	Seconds float64 `json:"seconds"`
	// Attempts is how often it was tried, if more than once.
	Attempts int           `json:"attempts,omitempty"`
	RunTime  time.Duration `json:"-"`
}

// Summary is the outcome of a whole run.
type Summary struct {
	KubernetesVersion string  `json:"kubernetesVersion"`
	Focus             string  `json:"focus"`
	Seconds           float64 `json:"seconds"`
	Passed            int     `json:"passed"`
	Failed            int     `json:"failed"`
	Skipped           int     `json:"skipped"`
	NotRun            int     `json:"notRun"`
	Specs             []Spec  `json:"specs"`
}

// conformanceLabel is what ConformanceIt gives to its specs.
const conformanceLabel = "Conformance"

// The parts of ginkgo's report that are read.
type ginkgoReport struct {
	SpecReports []ginkgoSpec
}

type ginkgoSpec struct {
	ContainerHierarchyTexts  []string
	ContainerHierarchyLabels [][]string
	LeafNodeType             string
	LeafNodeText             string
	LeafNodeLabels           []string
	State                    string
	RunTime                  time.Duration
	NumAttempts              int
	Failure                  struct{ Message string }
}

func (s ginkgoSpec) name() string {
	return strings.Join(append(slices.Clone(s.ContainerHierarchyTexts), s.LeafNodeText), " ")
}

func (s ginkgoSpec) labels() []string {
	return slices.Concat(append(slices.Clone(s.ContainerHierarchyLabels), s.LeafNodeLabels)...)
}

func (s ginkgoSpec) has(label string) bool { return slices.Contains(s.labels(), label) }

// NotChosen says why a spec of this name and these labels was not to run; ""
// means that it was. Ginkgo's report does not tell what its filters left out
// from what its time did not suffice for.
type NotChosen func(name string, labels []string) string

// timeOver is why a spec did not run that should have.
const timeOver = "the run's time was over before its turn"

// Read merges the reports of phases. A spec that ran in one of them has its
// outcome there.
func Read(files []string, notChosen NotChosen) ([]Spec, error) {
	byName := map[string]Spec{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read report: %w", err)
		}
		specs, err := parse(b, notChosen)
		if err != nil {
			return nil, fmt.Errorf("read report %s: %w", file, err)
		}
		for _, s := range specs {
			if old, ok := byName[s.Name]; !ok || old.Outcome == NotRun {
				byName[s.Name] = s
			}
		}
	}
	all := make([]Spec, 0, len(byName))
	for _, s := range byName {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Spec) int { return cmp.Or(cmp.Compare(a.SIG, b.SIG), cmp.Compare(a.Name, b.Name)) })
	return all, nil
}

func parse(b []byte, notChosen NotChosen) ([]Spec, error) {
	var reports []ginkgoReport
	if err := json.Unmarshal(b, &reports); err != nil {
		return nil, err
	}
	var specs []Spec
	for _, r := range reports {
		for _, g := range r.SpecReports {
			if g.LeafNodeType != "It" {
				// Something around the specs: it matters only where it failed,
				// since then the specs' own outcomes mean nothing.
				if outcome, reason := g.outcome(""); outcome == Failed {
					return nil, fmt.Errorf("%s of the suite failed: %s", cmp.Or(g.LeafNodeType, "a part"), reason)
				}
				continue
			}
			if !g.has(conformanceLabel) {
				continue
			}
			outcome, reason := g.outcome(cmp.Or(notChosen(g.name(), g.labels()), timeOver))
			specs = append(specs, Spec{
				Name: g.name(), SIG: sigOf(g.name()), Serial: g.has("Serial"), Outcome: outcome, Reason: reason,
				RunTime: g.RunTime, Seconds: g.RunTime.Seconds(), Attempts: retried(g.NumAttempts),
			})
		}
	}
	if len(specs) == 0 {
		return nil, errors.New("it has no conformance spec")
	}
	return specs, nil
}

// retried leaves out what goes without saying.
func retried(attempts int) int {
	if attempts < 2 {
		return 0
	}
	return attempts
}

func (s ginkgoSpec) outcome(notRunReason string) (Outcome, string) {
	switch s.State {
	case "passed":
		return Passed, ""
	case "skipped":
		// Ginkgo calls those skipped, too, that its filters left out.
		if s.Failure.Message == "" {
			return NotRun, notRunReason
		}
		return Skipped, oneLine(s.Failure.Message)
	case "pending":
		return Skipped, "marked as pending by upstream"
	case "interrupted", "aborted", "timedout":
		if s.RunTime == 0 {
			return NotRun, timeOver
		}
		return Failed, s.State + ": " + oneLine(s.Failure.Message)
	case "":
		return NotRun, notRunReason
	}
	return Failed, oneLine(s.Failure.Message)
}

// sigOf reads "[sig-network] DNS …".
func sigOf(name string) string {
	if rest, ok := strings.CutPrefix(name, "["); ok {
		if sig, _, ok := strings.Cut(rest, "]"); ok {
			return strings.TrimPrefix(sig, "sig-")
		}
	}
	return "other"
}

// reasonLength keeps a reason to what fits a table's row.
const reasonLength = 300

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > reasonLength {
		s = string(r[:reasonLength]) + "…"
	}
	return s
}

// Summarize counts.
func Summarize(version, focus string, took time.Duration, specs []Spec) Summary {
	s := Summary{KubernetesVersion: version, Focus: focus, Seconds: took.Seconds(), Specs: specs}
	for _, spec := range specs {
		switch spec.Outcome {
		case Passed:
			s.Passed++
		case Failed:
			s.Failed++
		case Skipped:
			s.Skipped++
		case NotRun:
			s.NotRun++
		}
	}
	return s
}
