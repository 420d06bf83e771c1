// Command bulkheadd is the whole of Kubernetes on one machine. Under the names
// containerd and containerd-shim-runc-v2 the same file is these programs.
package main

import (
	"fmt"
	"os"

	"github.com/bulkhead-k8s/bulkhead/internal/daemon/command"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/containerd"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/shim"
)

func main() {
	switch {
	case shim.Called():
		shim.Main()
	case containerd.Called():
		containerd.Main()
	}
	if err := command.New().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "bulkheadd:", err)
		os.Exit(1)
	}
}
