// Package crilog reads the end of a container's log as container runtimes write it:
// "<time> <stdout|stderr> <P|F> <text>" a line, P for a part of a longer one.
package crilog

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// tail is how much of the file is read.
	tail = 128 << 10
	// Longer lines are cut.
	maxLine = 500
	// after is how much later than a crash its last words may be written.
	after = time.Second
	// A log that is this old has nothing on its way from the container any more;
	// one that goes on is not waited for longer than patience.
	quiet    = 300 * time.Millisecond
	patience = 2 * time.Second
	pause    = 50 * time.Millisecond
)

// Settle waits until a log has not been written to for a moment: the runtime copies
// it from the container, and on a busy machine has not yet done so when the process
// is gone. It gives up after some seconds, for a log that goes on, or with ctx.
func Settle(ctx context.Context, dir, restarts string) {
	path, err := file(dir, restarts)
	if err != nil {
		return
	}
	for end := time.Now().Add(patience); time.Now().Before(end); {
		info, err := os.Stat(path)
		if err != nil || time.Since(info.ModTime()) > quiet {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// Tail returns the last lines, at most n, that were written until a time, or, if
// that is zero, of all. dir has one file for each start of the container, named
// <restarts>.log; without a number the latest is taken.
func Tail(dir, restarts string, until time.Time, n int) ([]string, error) {
	path, err := file(dir, restarts)
	if err != nil {
		return nil, fmt.Errorf("read the end of a log: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the end of a log: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the end of a log: %w", err)
	}
	from := max(0, info.Size()-tail)
	data, err := io.ReadAll(io.NewSectionReader(f, from, tail))
	if err != nil {
		return nil, fmt.Errorf("read the end of a log: %w", err)
	}
	text := string(data)
	if from > 0 {
		_, text, _ = strings.Cut(text, "\n")
	}
	if !until.IsZero() {
		until = until.Add(after)
	}
	return lines(text, until, n), nil
}

func file(dir, restarts string) (string, error) {
	if restarts == "" {
		return latest(dir)
	}
	return filepath.Join(dir, restarts+".log"), nil
}

func latest(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var path string
	var newest time.Time
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && strings.HasSuffix(e.Name(), ".log") && !info.ModTime().Before(newest) {
			path, newest = filepath.Join(dir, e.Name()), info.ModTime()
		}
	}
	if path == "" {
		return "", os.ErrNotExist
	}
	return path, nil
}

func lines(text string, until time.Time, n int) []string {
	var all []string
	partial := false
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimRight(line, "\n"), " ", 4)
		if len(parts) < 4 {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, parts[0])
		if err != nil || !until.IsZero() && at.After(until) {
			continue
		}
		if partial {
			all[len(all)-1] += parts[3]
		} else {
			all = append(all, parts[3])
		}
		partial = strings.HasPrefix(parts[2], "P")
	}
	all = all[max(0, len(all)-n):]
	for i, line := range all {
		if len(line) > maxLine {
			all[i] = strings.ToValidUTF8(line[:maxLine], "") + "…"
		}
	}
	return all
}
