package results

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func report(t *testing.T, specs ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.json")
	text := `[{"SuitePath":"/x","SpecReports":[` + strings.Join(specs, ",") + `]}]`
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// spec writes a spec as ginkgo reports it.
func spec(name, state, message string, seconds int, labels ...string) string {
	b, err := json.Marshal(map[string]any{
		"ContainerHierarchyTexts": []string{"[sig-node] Pods"}, "ContainerHierarchyLabels": [][]string{labels},
		"LeafNodeType": "It", "LeafNodeText": name, "LeafNodeLabels": []string{"Conformance"},
		"State": state, "RunTime": time.Duration(seconds) * time.Second, "Failure": map[string]any{"Message": message},
	})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func notChosen(string, []string) string { return "not chosen" }

func chosen(string, []string) string { return "" }

func TestSpecsThatWereChosenButDidNotRun(t *testing.T) {
	specs, err := Read([]string{report(t, spec("x", "skipped", "", 0))}, chosen)
	if err != nil || specs[0].Outcome != NotRun || specs[0].Reason != timeOver {
		t.Errorf("got %+v, %v", specs, err)
	}
}

func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		state, message string
		seconds        int
		want           Outcome
		reason         string
	}{
		{"passed", "", 3, Passed, ""},
		{"failed", "expected\n  two", 3, Failed, "expected two"},
		{"panicked", "nil map", 3, Failed, "nil map"},
		{"skipped", "Requires at least 2 nodes", 1, Skipped, "Requires at least 2 nodes"},
		{"skipped", "", 0, NotRun, "not chosen"},
		{"pending", "", 0, Skipped, "marked as pending by upstream"},
		{"interrupted", "by user", 4, Failed, "interrupted: by user"},
		{"interrupted", "", 0, NotRun, timeOver},
		{"timedout", "late", 9, Failed, "timedout: late"},
	} {
		specs, err := Read([]string{report(t, spec("x", c.state, c.message, c.seconds))}, notChosen)
		if err != nil || len(specs) != 1 {
			t.Fatal(specs, err)
		}
		if got := specs[0]; got.Outcome != c.want || got.Reason != c.reason || got.SIG != "node" {
			t.Errorf("%s %q after %d s became %+v, want %s: %s", c.state, c.message, c.seconds, got, c.want, c.reason)
		}
	}
}

func TestPhasesAreMerged(t *testing.T) {
	other := strings.Replace(spec("no conformance", "failed", "boom", 1), `"Conformance"`, `"Other"`, 1)
	parallel := report(t, spec("a", "passed", "", 1), spec("b", "skipped", "", 0, "Serial"), other)
	serial := report(t, spec("a", "skipped", "", 0), spec("b", "failed", "boom", 2, "Serial"), other)
	specs, err := Read([]string{parallel, serial}, notChosen)
	if err != nil {
		t.Fatal(err)
	}
	s := Summarize("v1.37.2", "all", time.Minute, specs)
	if s.Passed != 1 || s.Failed != 1 || s.NotRun != 0 || len(s.Specs) != 2 || !s.Specs[1].Serial {
		t.Errorf("got %+v", s)
	}
}

func TestBrokenReportsAreNoSuccess(t *testing.T) {
	setup := `{"LeafNodeType":"SynchronizedBeforeSuite","State":"failed","Failure":{"Message":"no ready node"}}`
	for name, file := range map[string]string{
		"no ready node":       report(t, setup, spec("a", "skipped", "", 0)),
		"no conformance spec": report(t),
	} {
		if _, err := Read([]string{file}, chosen); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
	}
}

func TestRenderings(t *testing.T) {
	specs, err := Read([]string{report(t,
		spec("works", "passed", "", 2), spec("breaks", "failed", "a|b <c>", 3), spec("cannot", "skipped", "needs two nodes", 1),
	)}, chosen)
	if err != nil {
		t.Fatal(err)
	}
	s := Summarize("v1.37.2", "all", 61*time.Second, specs)
	var table, page, data bytes.Buffer
	for _, err := range []error{s.Table(&table), s.Markdown(&page, "make conformance"), s.JSON(&data)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := `Kubernetes v1.37.2, all: 1 passed, 1 failed, 1 skipped of 3, in 1m1s

SIG   PASSED  FAILED  SKIPPED  NOT RUN
node  1       1       1        0

FAILED:
  [sig-node] Pods breaks
      a|b <c>

SKIPPED:
  [sig-node] Pods cannot
      needs two nodes
`
	if diff := cmp.Diff(want, table.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	if row := `| [sig-node] Pods breaks | a\|b &lt;c> |`; !strings.Contains(page.String(), row) {
		t.Errorf("page lacks %s:\n%s", row, page.String())
	}
	var back Summary
	if err := json.Unmarshal(data.Bytes(), &back); err != nil || back.Failed != 1 || len(back.Specs) != 3 {
		t.Errorf("JSON gives back %+v, %v", back, err)
	}
}
