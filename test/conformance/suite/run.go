package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Phase is one run of ginkgo over some of the specs.
type Phase struct {
	Name string
	// LabelFilter and Skip choose the specs, as ginkgo's flags of that name do.
	LabelFilter string
	Focus       []string
	Skip        []string
	// Procs is how many specs run at once.
	Procs int
	// Attempts is how often a spec may be tried until it passes; less than two is
	// once.
	Attempts int
	// Timeout bounds the phase; what has not run by then counts as not run.
	Timeout time.Duration
}

// Run starts one phase and returns the file of its report, which is there even
// if specs failed. dir gets the report, junit's form of it, and the log.
func (p Programs) Run(ctx context.Context, phase Phase, kubeconfig, dir string, progress io.Writer) (report string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make directory for reports: %w", err)
	}
	log, err := os.Create(filepath.Join(dir, phase.Name+".log"))
	if err != nil {
		return "", fmt.Errorf("make log of phase %s: %w", phase.Name, err)
	}
	defer log.Close()
	report = phase.Name + ".json"
	// The suite writes files beside itself only where it may.
	cmd := exec.CommandContext(ctx, p.Ginkgo, phase.arguments(p, kubeconfig, report, dir)...)
	cmd.Stdout = io.MultiWriter(log, progress)
	cmd.Stderr = cmd.Stdout
	// A signal lets ginkgo clean up and write its report; only later is it ended
	// for good. SIGTERM, because whoever was started in the background by a
	// script ignores SIGINT, and so does ginkgo then.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Minute
	runErr := cmd.Run()
	path := filepath.Join(dir, report)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("phase %s ended without a report (%w); see %s", phase.Name, errors.Join(runErr, err), log.Name())
	}
	return path, nil
}

func (phase Phase) arguments(p Programs, kubeconfig, report, dir string) []string {
	args := []string{
		"--no-color", "--succinct", "--silence-skips", "--timeout", phase.Timeout.String(), "--procs", strconv.Itoa(max(1, phase.Procs)),
		"--label-filter", phase.LabelFilter, "--json-report", report, "--junit-report", phase.Name + ".xml", "--output-dir", dir,
	}
	if phase.Attempts > 1 {
		args = append(args, "--flake-attempts", strconv.Itoa(phase.Attempts))
	}
	for _, f := range phase.Focus {
		args = append(args, "--focus", f)
	}
	for _, s := range phase.Skip {
		args = append(args, "--skip", s)
	}
	return append(args, p.E2E, "--",
		"--kubeconfig", kubeconfig,
		"--kubectl-path", p.Kubectl,
		"--provider", "skeleton",
		"--disable-log-dump",
		"--e2e-output-dir", dir,
	)
}
