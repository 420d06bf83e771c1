// Command scenarios is the catalogue of failures that the diagnosis must name: each
// file of catalogue/ is what people would send of one broken (or healthy) cluster,
// with what failed first. It is read and diagnosed as `bulkhead why DIR` does, and
// what comes out is compared.
//
// Four gates: accuracy; mutation (without the decisive evidence, the verdict must
// move); noise (500 failures elsewhere, and it must not); calibration (confidence
// against right answers).
//
// The rule: a scenario is written from what Kubernetes prints, not from what the
// diagnosis looks for. One that is missed stays, marked with why.
package main
