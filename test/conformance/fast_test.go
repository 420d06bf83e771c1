package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/image"
	"github.com/bulkhead-k8s/bulkhead/test/cluster"
	"github.com/bulkhead-k8s/bulkhead/test/conformance/results"
	"github.com/bulkhead-k8s/bulkhead/test/conformance/suite"
	"github.com/bulkhead-k8s/bulkhead/test/conformance/testimages"
)

// fewestPassed is below what the fast profile has, so that a run which chose
// nearly nothing does not count as green.
const fewestPassed = 320

// TestFastProfile runs the fast profile on a cluster of its own, as
// `make conformance` does on one that runs.
func TestFastProfile(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the fast profile takes ten minutes")
	}
	if err := cluster.Supported(); err != nil {
		t.Skip(err)
	}
	// The cluster's network has no way out: all that may have to be fetched is
	// fetched here, into the caches.
	program := filepath.Join(t.TempDir(), "conformance")
	if said, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("compile: %v: %s", err, said)
	}
	if _, err := suite.Build(t.Context(), defaultCache(), t.Logf); err != nil {
		t.Fatal(err)
	}
	if _, err := testimages.All(t.Context(), image.Builder{}); err != nil {
		t.Fatal(err)
	}

	c := startCluster(t)
	reports := t.TempDir()
	run := c.Net.Command(t.Context(), program, "run", "-focus", focusFast, "-o", "json",
		"-kubeconfig", c.Config.WriteKubeconfig, "-data-dir", c.Config.DataDir, "-bulkhead", bulkhead(t),
		"-report-dir", reports, "-timeout", cluster.Patience(25*time.Minute).String(),
		"-procs", strconv.Itoa(4*runtime.NumCPU()), "-attempts", "2")
	said, err := run.CombinedOutput()
	summary := readSummary(t, filepath.Join(reports, "results.json"), said)
	t.Logf("Kubernetes %s: %d of %d specs passed in %.0f s", summary.KubernetesVersion, summary.Passed, len(summary.Specs), summary.Seconds)
	for _, spec := range summary.Specs {
		switch {
		case spec.Outcome == results.Failed:
			t.Errorf("%s: %s", spec.Name, spec.Reason)
		case spec.Attempts > 1:
			t.Logf("passed at attempt %d: %s", spec.Attempts, spec.Name)
		}
	}
	if summary.Passed < fewestPassed {
		t.Errorf("%d specs passed, want at least %d", summary.Passed, fewestPassed)
	}
	if err != nil && !t.Failed() {
		t.Errorf("run: %v: %s", err, said)
	}
}

func startCluster(t *testing.T) *cluster.Cluster {
	t.Helper()
	c, ctx := cluster.For(t, 2*time.Minute, cluster.Options{Label: "bh-conf"})
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	return c
}

func bulkhead(t *testing.T) string {
	t.Helper()
	path, err := cluster.Program("bulkhead")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func readSummary(t *testing.T, path string, said []byte) (s results.Summary) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		t.Fatalf("%v; the run said: %s", err, said)
	}
	return s
}
