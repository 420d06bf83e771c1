// Command boot measures how long a Kubernetes takes from nothing to the first
// pod that answers, and what it costs: side by side, Bulkhead and upstream's own
// components of the same version, built from the same module, each its own
// process.
//
// A side (side.go, bulkhead.go, upstream.go) knows how to prepare, start and
// stop a cluster. Each run happens on a ground of its own (ground.go): network
// namespace, cgroup and data directory, removed afterwards. A scenario
// (scenario.go) drives one run and takes its figures with the meters
// (cpu.go, memory.go); report.go turns all samples into medians and ratios.
//
// Its one rule: both sides get the same, and where they cannot, upstream gets
// the better of it, and README.md says so.
package main
