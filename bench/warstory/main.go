package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-k8s/bulkhead/examples/warstory"
	"github.com/bulkhead-k8s/bulkhead/internal/image"
	"github.com/bulkhead-k8s/bulkhead/test/cluster"
	"github.com/bulkhead-k8s/bulkhead/test/images"
)

func main() {
	var o options
	only := flag.String("only", "", "play one side only: stock or bulkhead")
	flag.IntVar(&o.nodes, "nodes", 6, "real nodes at the beginning")
	flag.IntVar(&o.most, "max", 8, "nodes that the pool may grow to")
	flag.DurationVar(&o.campaign, "duration", 4*time.Minute, "how long the campaign lasts")
	flag.StringVar(&o.keep, "keep-logs", "", "folder for the daemons' logs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, *only); err != nil {
		fmt.Fprintln(os.Stderr, "warstory:", err)
		os.Exit(1)
	}
}

// options are what both sides have in common.
type options struct {
	nodes, most int
	campaign    time.Duration
	keep        string
	// archives are of the images, by name.
	archives map[string]string
}

func run(ctx context.Context, o options, only string) error {
	if err := cluster.Supported(); err != nil {
		return err
	}
	// As systemd gives it to the daemon (LimitCORE), and so to containers: a core that
	// is written to a file is no larger than that.
	unlimited := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unlimited); err != nil {
		return fmt.Errorf("allow core dumps: %w", err)
	}
	dir, err := os.MkdirTemp("", "warstory-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.archives, err = build(ctx, dir); err != nil {
		return err
	}
	results := map[string]*result{}
	for _, s := range sides() {
		if only != "" && only != s.name {
			continue
		}
		r, err := play(ctx, s, o)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		results[s.name] = r
	}
	if len(results) == 0 {
		return fmt.Errorf("no side is called %q; want stock or bulkhead", only)
	}
	report(os.Stdout, results)
	line, err := json.Marshal(results)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	return nil
}

// build makes the archives of the images.
func build(ctx context.Context, dir string) (map[string]string, error) {
	say("assembling the images")
	built, err := warstory.Build(ctx, image.Builder{CacheDir: image.DefaultCacheDir()})
	if err != nil {
		return nil, err
	}
	pages := filepath.Join(dir, "pages.tar")
	neighbours, err := images.Build(ctx)
	return map[string]string{"pages.tar": pages, "neighbours.tar": neighbours}, errors.Join(err, image.WriteArchiveFile(pages, built))
}

var began = time.Now()

// say tells people what happens.
func say(format string, args ...any) {
	fmt.Printf("%6.1f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
}
