// Command bulkhead-containerd-shim is upstream's shim between containerd and
// runc, see package internal/runtime/shim.
package main

import "github.com/bulkhead-k8s/bulkhead/internal/runtime/shim"

func main() { shim.Main() }
