// Package runtime runs containers for one node: containerd as a child process,
// its shims, runc, the pods' network and the images.
//
//	Runtime.Run ── writes settings, links ──► containerd
//	     │ supervises, adopts                     │ one shim per pod
//	     │                                        ▼
//	     └── Ready: CRI answers on Endpoint     runc, CNI plugins
//
// options.go has what a caller sets, package layout where everything lies. The
// programs lie beside the daemon or are the daemon by another name, see package
// shim. What was made on the host is taken away by package reset.
// Its one rule: containers outlive us. Nothing here ties the life of containerd,
// a shim or a pod to the life of the process that runs Runtime.
package runtime
