// Package nodepool keeps node pools: it watches what a decision needs, makes it, and
// carries it out.
//
//	NodePools, nodes, pods, Brakes, providers -> decide.Decide -> providers, nodes,
//	                                              evictions, statuses, Events
//
// decide/ is the core, fit/ its simulation of the scheduler, providers/ make
// machines, problem/ finds on a node itself what is wrong with it. controller.go
// waits for the first pool, session.go watches while there is one, act.go carries
// out, worker.go talks to one pool's provider at the provider's own pace.
//
// The rule: without a NodePool, only NodePools are watched.
package nodepool
