// Package containerd is containerd itself, as one of the programs that the
// daemon's executable can be, with the plugins that a Kubernetes node needs.
//
// Like the shim (see package shim) it runs in init, when the executable goes by
// the name of containerd. Its CRI plugin imports some of Kubernetes' staging
// modules, so it comes later than the shim, but before k8s.io/kubernetes.
package containerd
