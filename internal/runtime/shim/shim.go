package shim

import (
	"context"
	"flag"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/manager"
	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/task"
	containerdshim "github.com/containerd/containerd/v2/pkg/shim"
	"github.com/containerd/containerd/v2/pkg/shutdown"
	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/plugin"
	"github.com/containerd/plugin/registry"
)

const (
	// Name is the base name of the program.
	Name = "containerd-shim-runc-v2"
	// runtimeName is what containerd calls this kind of shim.
	runtimeName = "io.containerd.runc.v2"
	// programEnv carries Name from the short-lived `shim start` to the shim
	// proper: upstream starts the latter as os.Executable(), which on Linux is
	// the file behind a link, so for bulkheadd its own name no longer tells.
	programEnv = "BULKHEAD_PROGRAM"
)

// Called says whether this process was started to be the shim.
func Called() bool {
	return filepath.Base(os.Args[0]) == Name || os.Getenv(programEnv) == Name
}

// Main is the program; it does not return.
func Main() {
	if os.Getenv(programEnv) == "" {
		_ = os.Setenv(programEnv, Name)
	} else {
		_ = os.Unsetenv(programEnv) // not for runc and its hooks
	}
	// In bulkheadd other packages have declared flags by now, some of the same
	// names (glog's -v), and containerd's plugins are in the list from which the
	// shim starts all that it finds.
	flag.CommandLine = flag.NewFlagSet(Name, flag.ExitOnError)
	registry.Reset()
	registry.Register(taskService())
	containerdshim.RunShim(context.Background(), manager.NewShimManager(runtimeName))
	os.Exit(0)
}

// taskService is the one plugin of a shim: the service by which containerd
// starts and stops the containers of its pod. It is registered here and not by
// importing upstream's package for it, which would register it in containerd
// too.
func taskService() *plugin.Registration {
	return &plugin.Registration{
		Type:     plugins.TTRPCPlugin,
		ID:       "task",
		Requires: []plugin.Type{plugins.EventPlugin, plugins.InternalPlugin},
		InitFn: func(context *plugin.InitContext) (any, error) {
			publisher, err := context.GetByID(plugins.EventPlugin, "publisher")
			if err != nil {
				return nil, err
			}
			service, err := context.GetByID(plugins.InternalPlugin, "shutdown")
			if err != nil {
				return nil, err
			}
			return task.NewTaskService(context.Context, publisher.(containerdshim.Publisher), service.(shutdown.Service))
		},
	}
}
