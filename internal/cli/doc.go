// Package cli is the program that people type.
//
// Main builds the tree of commands, one file each; a command parses, calls one
// capability (the daemon through internal/admin, internal/doctor,
// internal/kubeconfig, internal/image) and prints. Whatever takes Kubernetes'
// own code is done by executing bulkheadd. Its one rule: it starts in
// milliseconds, so nothing here imports k8s.io/kubernetes or client-go.
package cli
