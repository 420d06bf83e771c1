package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/diagnose"
)

// TestCatalogue wants each scenario to hold all gates, unless it says why not; and
// one that says so must not hold them, so that the list of misses stays true.
func TestCatalogue(t *testing.T) {
	all, err := load(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	outcomes := make([]*outcome, len(all))
	for i := range all {
		t.Run(all[i].Name, func(t *testing.T) {
			o, err := all[i].judged(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			outcomes[i] = o
			switch {
			case o.passes() && o.scenario.Known != "":
				t.Errorf("it passes now: take %q away", o.scenario.Known)
			case !o.passes() && o.scenario.Known == "":
				t.Errorf("%s", strings.Join(o.notes, "\n"))
			}
		})
	}
	if t.Failed() {
		return
	}
	var out bytes.Buffer
	report(&out, outcomes, true)
	t.Log("\n" + out.String())
	documented(t, summary(outcomes))
}

var update = flag.Bool("update", false, "write what is measured into docs/diagnosis.md")

// The tables of what was measured stand between these lines of the page.
const (
	page         = "../../docs/diagnosis.md"
	summaryStart = "<!-- measured: written by go test ./test/scenarios -run TestCatalogue -update -->\n"
	summaryEnd   = "<!-- end of measured -->\n"
)

// documented keeps the page's figures those that were measured.
func documented(t *testing.T, measured string) {
	t.Helper()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), summaryStart)
	old, after, ok2 := strings.Cut(rest, summaryEnd)
	switch {
	case !ok || !ok2:
		t.Fatalf("%s lacks the lines around what is measured", page)
	case *update:
		if err := os.WriteFile(page, []byte(before+summaryStart+measured+summaryEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	case old != measured:
		t.Errorf("the figures in %s are old: run go test ./test/scenarios -run TestCatalogue -update. Measured:\n%s", page, measured)
	}
}

// TestEveryPart wants each row of the rules' table and each first cause to be used
// by a scenario.
func TestEveryPart(t *testing.T) {
	all, err := load(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	var outcomes []*outcome
	for i := range all {
		records, err := all[i].read(t.Context(), all[i].files)
		if err != nil {
			t.Fatal(err)
		}
		outcomes = append(outcomes, &outcome{scenario: &all[i], result: diagnose.Diagnose(slices.Values(records), diagnose.Options{})})
	}
	c := cover(outcomes)
	for _, r := range c.unusedRows {
		t.Errorf("no scenario uses the rule %s", r)
	}
	for _, id := range c.unusedCauses {
		t.Errorf("no scenario finds %s", id)
	}
}

// TestEveryStory wants a scenario for each of the eighteen public failures.
func TestEveryStory(t *testing.T) {
	all, err := load(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, s := range all {
		have[s.Source] = true
	}
	for n := 1; n <= 18; n++ {
		if source := fmt.Sprint("story ", n); !have[source] {
			t.Errorf("no scenario has the source %q", source)
		}
	}
	if len(all) < 60 {
		t.Errorf("%d scenarios, want at least 60", len(all))
	}
}

// TestLeads wants a chain to be one: that steps appear is not enough.
func TestLeads(t *testing.T) {
	ref := func(name string) v1alpha1.ObjectRef { return v1alpha1.ObjectRef{Kind: "Deployment", Name: name} }
	in := &v1alpha1.IncidentStatus{FirstCause: v1alpha1.Cause{Reason: "OOMKilled", Object: ref("web")}, Chain: []v1alpha1.Link{
		{FromReason: "OOMKilled", From: ref("web"), ToReason: "CrashLoop", To: ref("web")},
		{FromReason: "OOMKilled", From: ref("web"), ToReason: "Slow", To: ref("web")},
		{FromReason: "CrashLoop", From: ref("web"), ToReason: "CallsFail", To: ref("shop")},
	}}
	for _, c := range []struct {
		want []string
		ok   bool
	}{
		{[]string{"OOMKilled", "CallsFail"}, true},
		{[]string{"OOMKilled Deployment/web", "CrashLoop|PodsNotReady", "CallsFail Deployment/shop"}, true},
		{[]string{"CallsFail", "OOMKilled"}, false},
		{[]string{"CrashLoop Deployment/shop"}, false},
		{[]string{"OOMKilled", "Slow", "CallsFail"}, false},
	} {
		if leads(c.want, in) != c.ok {
			t.Errorf("%v: want %v", c.want, c.ok)
		}
	}
}

// TestNoise wants the noise to be the same each time, and told from the rest.
func TestNoise(t *testing.T) {
	a, b := noiseAt(saved), noiseAt(saved)
	if len(a) != len(b) || len(a) < noiseObjects {
		t.Fatalf("%d and %d records", len(a), len(b))
	}
	for i := range a {
		if a[i].Object != b[i].Object || !a[i].Time.Equal(b[i].Time) {
			t.Fatalf("record %d differs", i)
		}
		if !isNoise(v1alpha1.ObjectRef{Kind: a[i].Object.Kind, Namespace: a[i].Object.Namespace, Name: a[i].Object.Name}) {
			t.Fatalf("%s is not told as noise", a[i].Object)
		}
	}
}

// TestBrokenScenarios wants errors for scenarios that would prove nothing.
func TestBrokenScenarios(t *testing.T) {
	for name, text := range map[string]string{
		"no expect.yaml": "-- a.txt --\nx\n",
		"unknown field":  "-- expect.yaml --\ntitle: x\nsource: y\ncauses: z\n-- a.txt --\nx\n",
		"no chain": "-- expect.yaml --\ntitle: x\nsource: y\nfirstCause: {kind: Pod, name: p, reason: R}\n" +
			"decisive: [{file: a.txt, lines: x}]\n-- a.txt --\nx\n",
		"no decisive": "-- expect.yaml --\ntitle: x\nsource: y\nfirstCause: {kind: Pod, name: p, reason: R}\nchain: [R]\n-- a.txt --\nx\n",
		"no match": "-- expect.yaml --\ntitle: x\nsource: y\nfirstCause: {kind: Pod, name: p, reason: R}\n" +
			"chain: [R]\ndecisive: [{file: a.txt, lines: zzz}]\n-- a.txt --\nx\n",
		"both": "-- expect.yaml --\ntitle: x\nsource: y\nhealthy: true\nfirstCause: {kind: Pod, name: p, reason: R}\n-- a.txt --\nx\n",
	} {
		if _, err := parse("x", []byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
