// Package decide says what is to happen to node pools: which machines are made,
// which nodes are emptied, which are given back, and why nothing happens where
// nothing does.
//
//	State -> Decide -> Decision: actions, new statuses, verdicts on pods and nodes
//
// One idea a file: purchase.go buys up to what scaleup.go and repair.go want,
// scaledown.go and drain.go empty nodes, brakes.go, limits.go, gate.go and
// attempts.go hold all of them back.
//
// The rule: values in, values out. What must outlive a restart is in the statuses.
package decide
