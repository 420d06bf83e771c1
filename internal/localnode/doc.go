// Package localnode is nodes on the server's own machine: each an agent in a network
// namespace, with a data directory and, if it is to have one, a disk of its own.
//
//	Place (where all of one lies) ─┬─► Make: namespace, link, disk
//	Record (what it is to be)  ────┴─► Start: the agent, in the namespace
//	Find ──► what there is, also half of one ──► package reset takes it away
//
// Who decides what is made and when is the node pools' provider local. Its one rule:
// what a node has on the machine follows from the server's data directory and the
// node's name, so that nothing is left which a damaged record would have named.
package localnode
