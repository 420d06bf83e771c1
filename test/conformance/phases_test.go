package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	conformancetestdata "k8s.io/kubernetes/test/conformance/testdata"
	"sigs.k8s.io/yaml"
)

// upstreamSpecs are the names of this version's conformance specs, as upstream
// lists them.
func upstreamSpecs(t *testing.T) []string {
	t.Helper()
	b, err := conformancetestdata.GetConformanceTestdataFS().ReadTestFile("test/conformance/testdata/conformance.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var list []struct{ Codename string }
	if err := yaml.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(list))
	for _, s := range list {
		names = append(names, s.Codename)
	}
	return names
}

// labelsOf reads the labels out of a spec's name, where they stand in brackets.
func labelsOf(name string) []string {
	var labels []string
	for _, m := range regexp.MustCompile(`\[(\w+)\]`).FindAllStringSubmatch(name, -1) {
		labels = append(labels, m[1])
	}
	return labels
}

func TestNotChosen(t *testing.T) {
	for _, c := range []struct {
		o      options
		name   string
		labels []string
		want   string
	}{
		{options{focus: "all", serial: true}, "x", []string{"Serial"}, ""},
		{options{focus: "all"}, "x", []string{"Serial"}, "serial specs were not asked for"},
		{options{focus: "fast", serial: true}, "x", []string{"Disruptive"}, "not part of the fast profile"},
		{options{focus: "fast"}, "CronJob y", nil, "not part of the fast profile"},
		{options{focus: "fast"}, "x", nil, ""},
		{options{focus: "DNS"}, "x", nil, "does not match the focus"},
		{options{focus: "DNS"}, "a DNS", nil, ""},
	} {
		if got := notChosen(c.o)(c.name, c.labels); got != c.want {
			t.Errorf("%+v %s %v: %q, want %q", c.o, c.name, c.labels, got, c.want)
		}
	}
}

func TestFastProfileIsBroad(t *testing.T) {
	all := upstreamSpecs(t)
	var fast []string
	sigs := map[string]bool{}
	for _, name := range all {
		if notChosen(options{focus: focusFast})(name, labelsOf(name)) == "" {
			fast = append(fast, name)
			sig, _, _ := strings.Cut(name, "]")
			sigs[sig] = true
		}
	}
	if len(fast) < fewestPassed {
		t.Errorf("the fast profile has %d of %d specs, want at least %d", len(fast), len(all), fewestPassed)
	}
	for _, sig := range []string{"api-machinery", "apps", "auth", "cli", "network", "node", "storage"} {
		if !sigs["[sig-"+sig] {
			t.Errorf("the fast profile has no spec of sig-%s", sig)
		}
	}
}

func TestEverySkippedPatternMeansASpec(t *testing.T) {
	all := upstreamSpecs(t)
	for _, p := range slices.Concat(tooLong, twins, notHere) {
		re, err := regexp.Compile(p)
		if err != nil {
			t.Error(err)
			continue
		}
		if !slices.ContainsFunc(all, func(name string) bool {
			return re.MatchString(name) && !strings.Contains(name, "[Serial]") && !strings.Contains(name, "[Slow]")
		}) {
			t.Errorf("pattern %q matches no spec that would run otherwise", p)
		}
	}
}

func TestPhases(t *testing.T) {
	for _, c := range []struct {
		name   string
		o      options
		phases []string
		focus  string
	}{
		{"fast has no serial specs", options{focus: "fast", serial: true, procs: 4}, []string{"parallel"}, ""},
		{"all has serial specs last", options{focus: "all", serial: true, procs: 4}, []string{"parallel", "serial"}, ""},
		{"all without serial specs", options{focus: "all", procs: 4}, []string{"parallel"}, ""},
		{"an expression", options{focus: "DNS", serial: true, procs: 4}, []string{"parallel", "serial"}, "DNS"},
	} {
		got := phases(c.o)
		var names []string
		for _, p := range got {
			names = append(names, p.Name)
			if c.focus != "" && !slices.Contains(p.Focus, c.focus) {
				t.Errorf("%s: phase %s has focus %q", c.name, p.Name, p.Focus)
			}
			if p.Name == "serial" && p.Procs != 1 {
				t.Errorf("%s: serial specs run %d at once", c.name, p.Procs)
			}
		}
		if !slices.Equal(names, c.phases) {
			t.Errorf("%s: phases %v, want %v", c.name, names, c.phases)
		}
	}
}

func TestRunOptions(t *testing.T) {
	config := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := runOptions([]string{"--kubeconfig", config, "--data-dir", "/d"})
	if err != nil {
		t.Fatal(err)
	}
	if o.timeout != 20*time.Minute || o.dataDir != "/d" || !filepath.IsAbs(o.reportDir) {
		t.Errorf("got %+v", o)
	}
	t.Setenv("KUBECONFIG", "")
	for want, args := range map[string][]string{
		"which cluster":             {},
		"start the cluster first":   {"--kubeconfig", config + ".missing"},
		"use table or json":         {"--kubeconfig", config, "-o", "xml"},
		`unexpected argument "all"`: {"--kubeconfig", config, "all"},
	} {
		if _, err := runOptions(args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v gave %v, want %q", args, err, want)
		}
	}
}
