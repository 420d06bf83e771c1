// Package contain keeps a failure in its compartment: it decides which automatic
// actions are held on a workload that fails for its own reasons, and on the nodes
// that sicken after it.
//
//	incidents, what runs where, policies, brakes that hold -> Decide -> brakes
//
// decide.go is the core: from values and the time to changes of Brakes. evidence.go
// says whether and how a workload fails, trail.go to which nodes it came before they
// fell ill, brakes.go which actions that calls for, and worse.go when a brake does
// harm and is taken back. The packages below it make the view from records, carry
// brakes out in a cluster, and replay a journal.
//
// The rule: nothing is held without a first cause that is the workload's own, and
// nothing for longer than it says.
package contain
