// Package metrics finds trouble of etcd, the API server, the kubelet and the
// container runtime, and how probes went, in the metrics that these components
// keep of themselves: in one process with them, they are read without a request.
//
// Data goes one way: two snapshots, some time apart, to verdicts by a table of
// rules (rules.go), each with its threshold and where that comes from.
package metrics
