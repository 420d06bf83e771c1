package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
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

func TestInOrder(t *testing.T) {
	got := []string{"OOMKilled Deployment/web", "CrashLoop Deployment/web", "CallsFail Deployment/shop"}
	for _, c := range []struct {
		want []string
		ok   bool
	}{
		{nil, true},
		{[]string{"OOMKilled", "CallsFail"}, true},
		{[]string{"OOMKilled Deployment/web", "CrashLoop|PodsNotReady", "CallsFail Deployment/shop"}, true},
		{[]string{"CallsFail", "OOMKilled"}, false},
		{[]string{"CrashLoop Deployment/shop"}, false},
	} {
		if inOrder(c.want, got) != c.ok {
			t.Errorf("%v in %v: want %v", c.want, got, c.ok)
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
		"no decisive":    "-- expect.yaml --\ntitle: x\nsource: y\nfirstCause: {kind: Pod, name: p, reason: R}\n-- a.txt --\nx\n",
		"no match": "-- expect.yaml --\ntitle: x\nsource: y\nfirstCause: {kind: Pod, name: p, reason: R}\n" +
			"decisive: [{file: a.txt, lines: zzz}]\n-- a.txt --\nx\n",
		"both": "-- expect.yaml --\ntitle: x\nsource: y\nhealthy: true\nfirstCause: {kind: Pod, name: p, reason: R}\n-- a.txt --\nx\n",
	} {
		if _, err := parse("x", []byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
