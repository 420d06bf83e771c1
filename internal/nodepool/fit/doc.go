// Package fit answers where a pod would fit, with the scheduler's own plugins: of
// what the scheduler would say, nothing is guessed.
//
//	nodes, pods -> Scheduler.Load -> Trial of a pod -> reasons, or a place for it
//
// It imports single packages of k8s.io/kubernetes/pkg/scheduler, since upstream's
// semantics are the point; upstream keeps that part of their interface for
// cluster-autoscaler, which does the same. DynamicResources is left out: claims of
// devices are not simulated.
//
// The rule: a Scheduler is of one goroutine, and changes nothing outside of itself.
package fit
