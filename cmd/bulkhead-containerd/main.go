// Command bulkhead-containerd is upstream's containerd with the plugins of a Kubernetes
// node, see package internal/runtime/containerd.
package main

import "github.com/bulkhead-k8s/bulkhead/internal/runtime/containerd"

func main() { containerd.Main() }
