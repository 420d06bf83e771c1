// Package suite compiles upstream's conformance suite and the programs that go
// with it, and runs it.
//
// Build gives Programs, Run gives ginkgo's reports as files; what they mean is
// the package results' part. imports.go, never compiled in, names the packages
// of the suite and its images for go.mod.
package suite
