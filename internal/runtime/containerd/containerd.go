package containerd

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/cmd/containerd/command"
)

// Name is the base name of the program.
const Name = "containerd"

// Called says whether this process was started to be containerd.
func Called() bool { return filepath.Base(os.Args[0]) == Name }

// Main is the program; it does not return.
func Main() {
	flag.CommandLine = flag.NewFlagSet(Name, flag.ExitOnError) // not what other packages declared
	if err := command.App().Run(context.Background(), os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "containerd:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
