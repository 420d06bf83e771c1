// Command demo plays the war story on the cluster of this machine and shows what
// `bulkhead why` says of it: the last part of `make demo`.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/examples/warstory"
	"github.com/bulkhead-k8s/bulkhead/internal/image"
)

// limit bounds everything. Assembling the image takes the longest, when its packages
// have to be fetched.
const limit = 15 * time.Minute

func main() {
	bulkhead := flag.String("bulkhead", "bin/bulkhead", "the program bulkhead")
	dataDir := flag.String("data-dir", "", "data directory of the cluster (default: the usual one)")
	keep := flag.Bool("keep", false, "leave the application as it is in the end")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := run(ctx, *bulkhead, *dataDir, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bulkhead, dataDir string, keep bool) (err error) {
	player := warstory.Player{
		Bulkhead: cli{bulkhead, dataDir}.run,
		Say:      func(line string) { fmt.Println(line) },
		Builder:  image.Builder{CacheDir: image.DefaultCacheDir(), Logf: func(format string, args ...any) { fmt.Printf("  "+format+"\n", args...) }},
	}
	if !keep {
		defer func() {
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			err = errors.Join(err, player.Clear(end))
		}()
	}
	story, err := player.Play(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("\n$ bulkhead why deploy/%s -n %s\n%s", warstory.Server, warstory.Namespace, story.Text)
	return nil
}

type cli struct{ program, dataDir string }

// run runs a command, with what it complained of in the error if it fails.
func (c cli) run(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	if c.dataDir != "" {
		at := 1
		if args[0] == "image" { // behind the subcommand's name
			at = 2
		}
		args = append(append(append([]string{}, args[:at]...), "--data-dir="+c.dataDir), args[at:]...)
	}
	command := exec.CommandContext(ctx, c.program, args...)
	var said bytes.Buffer
	command.Stdin, command.Stderr = stdin, &said
	out, err := command.Output()
	if err != nil {
		return out, fmt.Errorf("bulkhead %s: %w\n%s", strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return out, nil
}
