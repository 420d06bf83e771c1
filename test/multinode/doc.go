// Package multinode tests clusters of several nodes: a server and agents, each in a
// network namespace, with a data directory and a containerd of its own, joined by a
// bridge. Its one rule: what it claims of a node it asks from a pod there.
package multinode
