// Package results reads ginkgo's reports and says what became of each
// conformance spec: passed, failed, skipped or not run, and why.
//
// Everything is computed from the reports; nothing is known of any spec.
package results
