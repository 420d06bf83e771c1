// Package shim is containerd's shim for runc: one process per pod, for as long as
// the pod lives, which holds the pod's containers while containerd and Bulkhead
// come and go.
//
// It is built twice: as a program of its own, which is what a node uses, and into
// bulkheadd, which is the shim when it is called by that name and is used where
// the program is missing. Per process, bulkheadd takes 0.22 s of CPU at each exec
// and 109 MB, 16 of them its own; the program takes 0.03 s and 16 MB, 3 of them
// its own (docs/measurements.md). The difference is the initialisation of all of
// Kubernetes. Acting in an init of ours could not spare it: Go initialises
// packages by import path as soon as what they import is done, and grpc imports
// net/http/httputil, which comes after k8s.io in the alphabet.
package shim
