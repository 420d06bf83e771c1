// Package shim is containerd's shim for runc, as one of the programs that the
// daemon's executable can be.
//
// There is one shim per pod, for as long as the pod lives. The executable holds
// the whole of Kubernetes, and initialising the packages of that at every exec
// costs about half a second and 80 MB. So this package does what the rest of the
// project must not: it acts in init. Go initialises packages in the order of
// their import paths, each after what it imports; this one imports nothing of
// k8s.io or sigs.k8s.io, hence runs before all of those, becomes the shim there
// and exits without their initialisation ever happening. TestImportsStayLight
// guards the condition, docs/measurements.md has the figures.
package shim
