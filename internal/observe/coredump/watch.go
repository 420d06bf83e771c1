package coredump

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fsnotify/fsnotify"
)

// retry is after which time a report that was refused is given again.
const retry = 10 * time.Second

// Watch gives the reports of cores to f, one after the other, until ctx ends:
// first those that wait from before. A report that f returns an error for is given
// again later; the error goes to failed.
func Watch(ctx context.Context, dir string, f func(Report) error, failed func(error)) error {
	d := directory(dir)
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch for reports of cores: %w", err)
	}
	defer watcher.Close()
	if err := watcher.Add(d.reports()); err != nil {
		return fmt.Errorf("watch for reports of cores: %w", err)
	}
	again := time.NewTicker(retry)
	defer again.Stop()
	for {
		if err := d.take(f); err != nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		case _, ok := <-watcher.Events:
			if !ok {
				return errors.New("watch for reports of cores: the watch has ended")
			}
		case err := <-watcher.Errors:
			failed(fmt.Errorf("watch for reports of cores: %w", err))
		}
	}
}
