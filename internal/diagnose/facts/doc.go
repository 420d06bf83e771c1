// Package facts interprets what the model shows: "no node has the labels that
// this Deployment's pods ask for". Each detector is a function from the model to
// facts, one topic a file; Detectors lists them. What a fact is called, whether
// it harms by itself and how likely it is a first cause stands in Kinds.
//
// A fact about pods is a fact of the workload that owns them, since that is what
// people change; the pods that it holds for are in Pods.
package facts
