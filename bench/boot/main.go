package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "boot:", err)
		stop()
		os.Exit(1)
	}
}

// options are the command line's.
type options struct {
	rounds     int
	scenarios  []string
	rest       idle
	restRounds int
	timeout    time.Duration
	workDir    string
	json, md   string
	sides      []side
}

func parse() (*options, error) {
	o := &options{}
	var builds stringList
	var scenarios, upstream, host string
	flag.Var(&builds, "bulkhead", "NAME=DIR of a build of Bulkhead (repeatable; after a comma come arguments for `bulkheadd server`); default bulkhead=bin; 'none' leaves Bulkhead out")
	flag.StringVar(&upstream, "upstream", ".cache/bench/upstream", "folder for upstream's programs, built there if missing; empty leaves upstream out")
	flag.StringVar(&host, "host-programs", "bin", "folder with runc and cni/, for upstream")
	flag.StringVar(&scenarios, "scenarios", "boot,phases", "what to measure")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each side runs, in turn")
	flag.DurationVar(&o.rest.window, "idle", time.Minute, "how long the idle cluster is watched; 0 leaves it out")
	flag.DurationVar(&o.rest.settle, "settle", time.Minute, "how long it may settle before that")
	flag.IntVar(&o.restRounds, "idle-rounds", 2, "in how many rounds the idle cluster is measured")
	flag.DurationVar(&o.timeout, "timeout", 2*time.Minute, "limit for one run, idle time not counted")
	flag.StringVar(&o.workDir, "work-dir", ".cache/bench/boot", "folder for data directories and logs; on a file system that overlayfs can stand on")
	flag.StringVar(&o.json, "json", ".cache/bench/boot.json", "file for all samples")
	flag.StringVar(&o.md, "markdown", ".cache/bench/boot.md", "file for the table as Markdown")
	flag.Parse()

	o.scenarios = strings.Split(scenarios, ",")
	if len(builds) == 0 {
		builds = stringList{"bulkhead=bin"}
	}
	if slices.Equal(builds, stringList{"none"}) {
		builds = nil
	}
	for _, spec := range builds {
		fields := strings.Split(spec, ",")
		name, dir, ok := strings.Cut(fields[0], "=")
		if !ok {
			return nil, fmt.Errorf("--bulkhead %q: want NAME=DIR", spec)
		}
		dir, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		build := &bulkheadSide{name: name, bin: dir}
		for _, field := range fields[1:] {
			if strings.HasPrefix(field, "-") {
				build.args = append(build.args, field)
			} else {
				build.env = append(build.env, field)
			}
		}
		o.sides = append(o.sides, build)
	}
	for _, path := range []*string{&o.workDir, &upstream, &host} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return nil, err
		}
		*path = absolute
	}
	if upstream != "" {
		o.sides = append(o.sides, &upstreamSide{bin: upstream, host: host})
	}
	return o, nil
}

type stringList []string

func (l *stringList) String() string     { return strings.Join(*l, " ") }
func (l *stringList) Set(v string) error { *l = append(*l, v); return nil }

func run(ctx context.Context) error {
	o, err := parse()
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return errors.New("containers need root; run it with sudo")
	}
	unlock, err := lock(o.workDir)
	if err != nil {
		return err
	}
	defer unlock()
	for _, s := range o.sides {
		if u, ok := s.(*upstreamSide); ok {
			if err := buildUpstream(ctx, u.bin); err != nil {
				return err
			}
		}
	}
	images, err := assemble(ctx)
	if err != nil {
		return err
	}

	leave, err := joinBefore("bhbench")
	if err != nil {
		return err
	}
	defer leave()
	r := &report{Command: "go run ./bench/boot " + strings.Join(os.Args[1:], " "), Machine: thisMachine()}
	for _, s := range o.sides {
		r.Sides = append(r.Sides, s.Name())
		size, err := sizeOf(s.Binaries())
		if err != nil {
			return err
		}
		r.Samples = append(r.Samples, sample{Side: s.Name(), Scenario: "size", Figures: map[string]float64{"size": size}})
	}
	for round := range o.rounds {
		for _, scenario := range o.scenarios {
			for _, s := range o.sides {
				one, err := o.runOne(ctx, s, images, scenario, round)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					return fmt.Errorf("%s, %s, round %d: %w", s.Name(), scenario, round+1, err)
				}
				r.Samples = append(r.Samples, *one)
				fmt.Fprintf(os.Stderr, "round %d %-7s %-10s %s\n", round+1, scenario, s.Name(), one.summary())
			}
		}
		// After each round, so that an end by force loses little.
		if err := r.writeFiles(o.json, o.md); err != nil {
			return err
		}
	}
	r.text(os.Stdout)
	return nil
}

// runOne is one run of one side on a ground of its own.
func (o *options) runOne(ctx context.Context, s side, images *images, scenario string, round int) (one *sample, err error) {
	rest := o.rest
	if round >= o.restRounds {
		rest = idle{}
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout+rest.settle+rest.window)
	defer cancel()
	logs := filepath.Join(o.workDir, "logs", fmt.Sprintf("%s-%s-%d", s.Name(), scenario, round+1))
	if err := os.RemoveAll(logs); err != nil {
		return nil, err
	}
	g, err := newGround(ctx, s.Name(), o.workDir, logs)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.remove()) }()
	if err := s.Prepare(ctx, g, images); err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	one = &sample{Side: s.Name(), Scenario: scenario, Round: round + 1, Figures: map[string]float64{}}
	switch scenario {
	case "boot":
		err = one.boot(ctx, g, s, rest)
	case "phases":
		err = one.phases(ctx, g, s)
	default:
		err = fmt.Errorf("--scenarios %q: want boot or phases", scenario)
	}
	if err != nil {
		return nil, fmt.Errorf("%w; logs are in %s", err, logs)
	}
	return one, nil
}

// summary is the line that is shown while the benchmark goes on.
func (s *sample) summary() string {
	var parts []string
	for _, m := range metrics {
		if v, ok := s.Figures[m.name]; ok {
			parts = append(parts, m.name+" "+m.unit.format(v))
		}
	}
	return strings.Join(parts, ", ")
}

func sizeOf(paths []string) (sum float64, err error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return 0, fmt.Errorf("%w; `make build` makes it", err)
		}
		sum += float64(info.Size())
	}
	return sum, nil
}

// lock keeps two benchmarks from disturbing each other.
func lock(workDir string) (unlock func(), err error) {
	if err := os.MkdirAll(workDir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.Create(filepath.Join(workDir, "lock"))
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another benchmark runs in %s: %w", workDir, err), file.Close())
	}
	return func() { file.Close() }, nil
}
