// Package problem finds what is wrong with the node that it runs on: from lines of
// the kernel's log and from whether the container runtime answers, it makes
// conditions of the Node and Events, which repair rules then name.
//
//	lines, probes -> Detector -> findings and conditions -> Run -> the Node
//
// It is node-problem-detector's way: a temporary problem is an Event, a lasting one a
// condition. The core is Detector, without a clock; adding a pattern is adding a row.
package problem
