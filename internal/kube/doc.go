// Package kube runs upstream Kubernetes in this process: API server, controller
// manager, scheduler, kubelet and kube-proxy, each through the exported
// functions that its own command calls, never through the command itself (the
// commands install signal handlers, and panic when a second one does).
//
// Each component is a type with New (settings into upstream's options; cheap
// and without effects outside the data directory), Run(ctx) and, where others
// wait for it, Ready(). What they share, certificates and addresses, is in
// Options. They reach the API server without a network, through package
// inprocess. Its one rule: nothing of Bulkhead's own capabilities is known here.
package kube
