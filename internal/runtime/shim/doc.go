// Package shim is containerd's shim for runc: one process per pod, for as long as
// the pod lives, which holds the pod's containers while containerd and Bulkhead
// come and go.
//
// It is built twice: as a program of its own, which is what a node uses, and into
// bulkheadd, which is the shim when it is called by that name and is used where
// the program is missing. Measured per process, bulkheadd against the program:
// 0.17 s of CPU at each exec against 0.02 s, 109 MB resident against 15 MB, since
// all of Kubernetes is initialised first. Go orders that by import path, so it
// cannot be put off from here: grpc needs net/http/httputil, which comes after
// k8s.io in the alphabet.
package shim
