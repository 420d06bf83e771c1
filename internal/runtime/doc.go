// Package runtime runs containers for one node: containerd as a child process,
// its shims, runc, the pods' network and the images.
//
//	Runtime.Run ── writes config, links ──► <DataDir>/bin/containerd (this executable)
//	     │                                        │ one shim per pod, likewise this executable
//	     │ supervises, adopts                      ▼
//	     └── Ready ── CRI answers on Endpoint ── runc ── CNI plugins
//
// options.go has what a caller sets, paths.go where everything lies. The
// processes are re-executions of the daemon by name: see the packages shim and
// containerd below. What was made on the host is taken away by package reset.
// Its one rule: containers outlive us. Nothing here ties the life of containerd,
// a shim or a pod to the life of the process that runs Runtime.
package runtime
