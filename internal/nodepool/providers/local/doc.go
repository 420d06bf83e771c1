// Package local makes nodes on the server's own machine, so that pools, autoscaling
// and repair work on a laptop.
//
//	NodePool ──► plan (shape, settings: values) ──► Host ──► localnode: namespace, disk, agent
//	                                                  └── watches the agents, takes them away
//
// Providers of all local pools share one Host, which lives as long as the daemon; what
// it makes outlives it, and the next one takes it over. Its one rule: an agent that
// ends by itself is started again; one that is killed is a machine without power, and
// stays so until it is repaired or the daemon starts anew.
package local
