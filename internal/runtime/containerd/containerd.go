package containerd

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/containerd/v2/cmd/containerd/command"

	"github.com/bulkhead-k8s/bulkhead/internal/programpages"
)

// Name is the base name of the program.
const Name = "containerd"

// settleTime is how long after the start its pages of the program are let go.
const settleTime = 10 * time.Second

// Called says whether this process was started to be containerd.
func Called() bool { return filepath.Base(os.Args[0]) == Name }

// Main is the program; it does not return.
func Main() {
	flag.CommandLine = flag.NewFlagSet(Name, flag.ExitOnError) // not what other packages declared
	// It goes on without if it fails: the pages only stay resident.
	time.AfterFunc(settleTime, func() { _, _ = programpages.Release() })
	if err := command.App().Run(context.Background(), os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "containerd:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
