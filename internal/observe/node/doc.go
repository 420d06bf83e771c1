// Package node observes one of our own nodes, which needs root on Linux: ends of
// processes by signals, kills for want of memory, core dumps, use of memory, disk,
// processes and connections, pressure, throttling, lost packets, probes, trouble
// of the container runtime, etcd and the API server.
//
// One file a source. Sources that the kernel tells (exits, kills, cores) record at
// once; those that are sampled record edges: when something rises, each minute
// while it lasts, when it falls, so that a quiet node writes little.
//
// The rule: a source that fails is recorded as such and tried again; the others go
// on. What is not observed is said to be so.
package node
