package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

// options are what the commands can be told.
type options struct {
	cache string
	// The rest is for run only.
	kubeconfig string
	focus      string
	output     string
	procs      int
	attempts   int
	timeout    time.Duration
	reportDir  string
	markdown   string
	bulkhead   string
	dataDir    string
	images     bool
	serial     bool
}

func defaultCache() string {
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	return filepath.Join(base, "bulkhead", "conformance")
}

func cacheFlag(fs *flag.FlagSet, o *options) {
	fs.StringVar(&o.cache, "cache", defaultCache(), "directory that keeps the compiled suite")
}

func runOptions(args []string) (options, error) {
	var o options
	fs := flag.NewFlagSet("conformance run", flag.ContinueOnError)
	cacheFlag(fs, &o)
	fs.StringVar(&o.kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"), "kubeconfig with rights over the whole cluster")
	fs.StringVar(&o.focus, "focus", "fast", `"fast" (about ten minutes), "all", or a regular expression of specs' names`)
	fs.StringVar(&o.output, "o", "table", "what to print: table or json")
	fs.IntVar(&o.procs, "procs", 2*runtime.NumCPU(), "how many specs run at once, except for serial ones")
	fs.IntVar(&o.attempts, "attempts", 1, "how often a spec may be tried until it passes; those that needed more than one are named")
	fs.DurationVar(&o.timeout, "timeout", 0, "end after this long (default: 20m for fast, else 4h)")
	fs.StringVar(&o.reportDir, "report-dir", "conformance-report", "directory for ginkgo's and junit's reports, logs and results.json")
	fs.StringVar(&o.markdown, "markdown", "", "file to write the results to as a page for the documentation")
	fs.BoolVar(&o.images, "images", true, "import the images first; false: they are there")
	fs.StringVar(&o.bulkhead, "bulkhead", "bin/bulkhead", "bulkhead command that imports images")
	fs.StringVar(&o.dataDir, "data-dir", cmp.Or(os.Getenv("DATA_DIR"), config.Default().DataDir), "the cluster's data directory on this machine")
	fs.BoolVar(&o.serial, "serial", true, "with a focus other than fast: run serial specs, too, after the others")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if o.timeout == 0 {
		o.timeout = 4 * time.Hour
		if o.focus == focusFast {
			o.timeout = 20 * time.Minute
		}
	}
	switch {
	case fs.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case o.kubeconfig == "":
		return o, errors.New("which cluster? give --kubeconfig or set KUBECONFIG")
	case !slices.Contains([]string{"table", "json"}, o.output):
		return o, fmt.Errorf("output %q: use table or json", o.output)
	}
	for _, path := range []*string{&o.kubeconfig, &o.reportDir} {
		abs, err := filepath.Abs(*path)
		if err != nil {
			return o, err
		}
		*path = abs
	}
	if _, err := os.Stat(o.kubeconfig); err != nil {
		return o, fmt.Errorf("read kubeconfig: %w; start the cluster first (bulkhead up)", err)
	}
	return o, nil
}

func reportOptions(args []string) (o options, took time.Duration, err error) {
	fs := flag.NewFlagSet("conformance report", flag.ContinueOnError)
	fs.StringVar(&o.focus, "focus", "fast", "focus of the run")
	fs.StringVar(&o.output, "o", "table", "what to print: table or json")
	fs.StringVar(&o.reportDir, "report-dir", "conformance-report", "directory of the run's reports")
	fs.StringVar(&o.markdown, "markdown", "", "file to write the results to as a page for the documentation")
	fs.BoolVar(&o.serial, "serial", true, "whether serial specs were asked for")
	fs.DurationVar(&took, "took", 0, "how long the run took")
	return o, took, fs.Parse(args)
}
