package shim

import (
	"context"
	"flag"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/manager"
	_ "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/task/plugin"
	containerdshim "github.com/containerd/containerd/v2/pkg/shim"
)

const (
	// Name is the base name of the program by which the executable is the shim.
	Name = "containerd-shim-runc-v2"
	// runtimeName is what containerd calls this kind of shim.
	runtimeName = "io.containerd.runc.v2"
	// programEnv carries Name from the short-lived `shim start` to the shim
	// proper: upstream starts the latter as os.Executable(), which on Linux is
	// the executable behind the link, so its own name no longer tells.
	programEnv = "BULKHEAD_PROGRAM"
)

func init() {
	inherited := os.Getenv(programEnv) == Name
	if filepath.Base(os.Args[0]) != Name && !inherited {
		return
	}
	if inherited {
		_ = os.Unsetenv(programEnv) // not for runc and its hooks
	} else {
		_ = os.Setenv(programEnv, Name)
	}
	// Other packages of the daemon may have declared flags by now, some of the
	// same names (glog's -v).
	flag.CommandLine = flag.NewFlagSet(Name, flag.ExitOnError)
	// The main goroutine is bound to its thread while packages initialise, which
	// makes each of its wake-ups two thread switches; the shim runs on another.
	go func() {
		containerdshim.RunShim(context.Background(), manager.NewShimManager(runtimeName))
		os.Exit(0)
	}()
	select {}
}
