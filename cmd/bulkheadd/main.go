// Command bulkheadd is the whole of Kubernetes on one machine. Under the names
// containerd and containerd-shim-runc-v2 the same file is these programs.
package main

import (
	"fmt"
	"os"

	// First of all, by import path: see the packages' comments.
	_ "github.com/bulkhead-k8s/bulkhead/internal/runtime/containerd"
	_ "github.com/bulkhead-k8s/bulkhead/internal/runtime/shim"

	"github.com/bulkhead-k8s/bulkhead/internal/daemon/command"
)

func main() {
	if err := command.New().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "bulkheadd:", err)
		os.Exit(1)
	}
}
