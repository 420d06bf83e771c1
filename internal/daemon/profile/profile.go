// Package profile writes what Go knows about this process to a folder, for
// whoever makes the daemon faster or smaller: processor time of the start, and
// on SIGUSR1 memory, goroutines and the processor time of the next half minute.
//
//	bulkheadd server --profile-dir /tmp/profile
//	kill -USR1 $(pidof bulkheadd)
//	go tool pprof /tmp/profile/start-*.cpu.pprof
package profile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"time"

	"golang.org/x/sys/unix"
)

// How long processor time is recorded, at the start and on demand.
const (
	startFor  = 15 * time.Second
	demandFor = 30 * time.Second
)

// Run writes profiles to dir until ctx ends.
func Run(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the folder for profiles: %w", err)
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, unix.SIGUSR1)
	defer signal.Stop(asked)
	if err := cpu(ctx, filepath.Join(dir, fmt.Sprintf("start-%d.cpu.pprof", os.Getpid())), startFor); err != nil {
		return err
	}
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-asked:
		}
		prefix := filepath.Join(dir, fmt.Sprintf("%02d.", n))
		err := errors.Join(snapshot(prefix, "goroutine"), snapshot(prefix, "allocs"), cpu(ctx, prefix+"cpu.pprof", demandFor))
		// Only now: collecting garbage would be in the profile of the time.
		runtime.GC()
		if err = errors.Join(err, snapshot(prefix, "heap")); err != nil {
			return err
		}
		slog.Info("profiles written", "prefix", prefix)
	}
}

// cpu records processor time for a while.
func cpu(ctx context.Context, path string, d time.Duration) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write profile: %w", err)
	}
	defer file.Close()
	if err := pprof.StartCPUProfile(file); err != nil {
		return fmt.Errorf("write profile: %w", err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	pprof.StopCPUProfile()
	return file.Close()
}

func snapshot(prefix, name string) error {
	file, err := os.Create(prefix + name + ".pprof")
	if err != nil {
		return fmt.Errorf("write profile: %w", err)
	}
	if err := pprof.Lookup(name).WriteTo(file, 0); err != nil {
		return fmt.Errorf("write profile %s: %w", name, errors.Join(err, file.Close()))
	}
	return file.Close()
}
