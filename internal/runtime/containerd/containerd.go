package containerd

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/cmd/containerd/command"
)

// Name is the base name of the program by which the executable is containerd.
const Name = "containerd"

func init() {
	if filepath.Base(os.Args[0]) != Name {
		return
	}
	flag.CommandLine = flag.NewFlagSet(Name, flag.ExitOnError)
	// Not on the main goroutine, which is bound to its thread during init.
	go func() {
		if err := command.App().Run(context.Background(), os.Args); err != nil {
			fmt.Fprintln(os.Stderr, "containerd:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}()
	select {}
}
