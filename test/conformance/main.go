// Command conformance runs upstream's [Conformance] specs against a cluster.
//
//	go run ./test/conformance run --focus fast     compile, import images, run, print a table
//	go run ./test/conformance report               print the table of a run again
//	go run ./test/conformance build                compile the suite only
//	go run ./test/conformance images -o FILE       assemble the specs' images only
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: conformance run|report|build|images [flags]
  run      compile the suite, import its images, run it, and print what came of it
  report   print what came of a run again
  build    compile the suite
  images   assemble the images of the specs into an archive
Each takes -h.`

func main() {
	commands := map[string]func(context.Context, []string) error{"run": run, "report": report, "build": build, "images": images}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := commands[os.Args[1]](ctx, os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}
