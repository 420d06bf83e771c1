package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose"
)

const dumpsHelp = `Write a made cluster, in which one Deployment of many aborts, in each form in which
people send one, and time "bulkhead why" on it: as a person waits for it, from the
program's start to its end. Exit code 2 if one takes longer than the target, 1 if
one names another cause.`

// dumpTarget is for 100 MB.
const dumpTarget = 3 * time.Second

type dumpsFlags struct {
	program, dir string
	only         []string
	megabytes    int64
	runs         int
}

func dumpsCommand() *cobra.Command {
	f := &dumpsFlags{}
	c := &cobra.Command{Use: "dumps", Short: "Time why on a large dump of each form", Long: dumpsHelp, Args: cobra.NoArgs}
	c.Flags().StringVar(&f.program, "program", "bin/bulkhead", "the program to measure")
	c.Flags().StringVar(&f.dir, "dir", "", "write the dumps here and keep them; what is there is used (default: a temporary folder)")
	c.Flags().StringSliceVar(&f.only, "only", nil, "only these forms: json, yaml, describe, tables, logs")
	c.Flags().Int64Var(&f.megabytes, "megabytes", 100, "size of a dump")
	c.Flags().IntVar(&f.runs, "n", 3, "how often each is read")
	c.RunE = func(cmd *cobra.Command, _ []string) error { return f.run(cmd.OutOrStdout()) }
	return c
}

func (f *dumpsFlags) run(out io.Writer) error {
	dir := f.dir
	if dir == "" {
		d, err := os.MkdirTemp("", "bulkhead-dumps-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(d)
		dir = d
	}
	fmt.Fprintf(out, "%-10s %8s %10s %10s %10s %12s\n", "form", "MB", "median", "slowest", "CPU", "peak RSS")
	slow := false
	for _, form := range forms {
		if len(f.only) > 0 && !slices.Contains(f.only, form.name) {
			continue
		}
		at := filepath.Join(dir, form.name)
		if _, err := os.Stat(at); err != nil {
			if err := form.write(at, f.megabytes*1e6, time.Now().UTC().Truncate(time.Second)); err != nil {
				return fmt.Errorf("write %s: %w", form.name, err)
			}
		}
		m, err := f.measure(at, form.tells)
		if err != nil {
			return fmt.Errorf("%s: %w", form.name, err)
		}
		slow = slow || m.median > dumpTarget
		fmt.Fprintf(out, "%-10s %8.1f %10s %10s %10s %9.0f MB\n", form.name, float64(m.size)/1e6, m.median.Round(10*time.Millisecond), m.slowest.Round(10*time.Millisecond), m.cpu.Round(10*time.Millisecond), float64(m.peak)/1e6)
	}
	if slow {
		return errSlow
	}
	return nil
}

var errSlow = errors.New("slower than the target of " + dumpTarget.String() + " for 100 MB")

type measured struct {
	size, peak           int64
	median, slowest, cpu time.Duration
}

func (f *dumpsFlags) measure(dump string, tells bool) (m measured, err error) {
	err = filepath.Walk(dump, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			m.size += info.Size()
		}
		return err
	})
	if err != nil {
		return m, err
	}
	var took, cpu []time.Duration
	for range f.runs {
		cmd := exec.Command(f.program, "why", "-f", dump, "-o", "json")
		cmd.Stderr = os.Stderr
		start := time.Now()
		answer, err := cmd.Output()
		if err != nil {
			return m, fmt.Errorf("%s: %w", cmd, err)
		}
		took = append(took, time.Since(start))
		cpu = append(cpu, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
		if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			m.peak = max(m.peak, usage.Maxrss<<10) // Linux counts KiB
		}
		if err := rightAnswer(answer, tells); err != nil {
			return m, err
		}
	}
	slices.Sort(took)
	slices.Sort(cpu)
	m.median, m.slowest, m.cpu = took[len(took)/2], took[len(took)-1], cpu[len(cpu)/2]
	return m, nil
}

// rightAnswer wants the app that aborts, as what is hit and, if the dump tells
// that, as the cause.
func rightAnswer(answer []byte, tells bool) error {
	var r diagnose.Result
	if err := json.Unmarshal(answer, &r); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	a := appOf(crashing, time.Time{})
	if len(r.Incidents) == 0 || !slices.Contains(r.Incidents[0].BlastRadius.Workloads, a.namespace+"/"+a.name) {
		return fmt.Errorf("the worst incident is not that of %s: %s", a.name, answer[:min(len(answer), 1000)])
	}
	o := r.Incidents[0].FirstCause.Object
	if tells && o.Name != a.name && !strings.HasPrefix(o.Name, a.name+"-") {
		return fmt.Errorf("it names %s %s, want %s", o.Kind, o.Name, a.name)
	}
	return nil
}
