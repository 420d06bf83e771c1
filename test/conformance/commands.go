package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/image"
	"github.com/bulkhead-k8s/bulkhead/test/conformance/results"
	"github.com/bulkhead-k8s/bulkhead/test/conformance/suite"
	"github.com/bulkhead-k8s/bulkhead/test/conformance/testimages"
)

func logf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

func build(ctx context.Context, args []string) error {
	var o options
	fs := flag.NewFlagSet("conformance build", flag.ContinueOnError)
	cacheFlag(fs, &o)
	if err := fs.Parse(args); err != nil {
		return err
	}
	p, err := suite.Build(ctx, o.cache, logf)
	if err != nil {
		return err
	}
	fmt.Printf("%s\n%s\n%s\n", p.E2E, p.Ginkgo, p.Kubectl)
	return nil
}

func images(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("conformance images", flag.ContinueOnError)
	out := fs.String("o", "conformance-images.tar", "file to write the archive to")
	if err := fs.Parse(args); err != nil {
		return err
	}
	all, err := testimages.All(ctx, image.Builder{Logf: logf})
	if err != nil {
		return err
	}
	logf("writing %d images to %s", len(all), *out)
	return image.WriteArchiveFile(*out, all)
}

func run(ctx context.Context, args []string) error {
	o, err := runOptions(args)
	if err != nil {
		return err
	}
	programs, err := suite.Build(ctx, o.cache, logf)
	if err != nil {
		return err
	}
	takeBack, err := provideImages(ctx, o)
	if err != nil {
		return err
	}
	defer takeBack()
	start := time.Now()
	reports, runErr := runPhases(ctx, o, programs)
	if len(reports) == 0 {
		return runErr
	}
	summary, err := summarize(o, programs.KubernetesVersion, reports, time.Since(start))
	if err := errors.Join(runErr, err); err != nil {
		return err
	}
	if summary.Failed > 0 {
		return fmt.Errorf("%d specs failed; logs are in %s", summary.Failed, o.reportDir)
	}
	return nil
}

func runPhases(ctx context.Context, o options, programs suite.Programs) (reports []string, err error) {
	start := time.Now()
	for _, phase := range phases(o) {
		phase.Timeout = left(o.timeout, start)
		logf("running the %s specs, %d at once; log: %s", phase.Name, phase.Procs, filepath.Join(o.reportDir, phase.Name+".log"))
		report, err := programs.Run(ctx, phase, o.kubeconfig, o.reportDir, os.Stderr)
		if err != nil {
			return reports, err
		}
		reports = append(reports, report)
		if ctx.Err() != nil {
			return reports, ctx.Err()
		}
	}
	return reports, nil
}

func summarize(o options, version string, reports []string, took time.Duration) (results.Summary, error) {
	specs, err := results.Read(reports, notChosen(o))
	if err != nil {
		return results.Summary{}, err
	}
	s := results.Summarize(version, o.focus, took, specs)
	return s, write(o, s)
}

// report renders a run's reports again.
func report(ctx context.Context, args []string) error {
	o, took, err := reportOptions(args)
	if err != nil {
		return err
	}
	version, err := suite.Version(ctx)
	if err != nil {
		return err
	}
	var reports []string
	for _, phase := range phases(options{focus: focusAll, serial: true}) {
		file := filepath.Join(o.reportDir, phase.Name+".json")
		if _, err := os.Stat(file); err == nil {
			reports = append(reports, file)
		}
	}
	if len(reports) == 0 {
		return fmt.Errorf("%s has no report of a run", o.reportDir)
	}
	_, err = summarize(o, version, reports, took)
	return err
}

func write(o options, s results.Summary) error {
	err := writeFile(filepath.Join(o.reportDir, "results.json"), func(f *os.File) error { return s.JSON(f) })
	if o.markdown != "" {
		err = errors.Join(err, writeFile(o.markdown, func(f *os.File) error {
			return s.Markdown(f, "make conformance")
		}))
	}
	if o.output == "json" {
		return errors.Join(err, s.JSON(os.Stdout))
	}
	return errors.Join(err, s.Table(os.Stdout))
}

func writeFile(name string, render func(*os.File) error) error {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	return errors.Join(render(f), f.Close())
}
