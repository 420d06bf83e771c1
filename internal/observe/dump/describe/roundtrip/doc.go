// Package roundtrip holds tests only: they print objects with kubectl's own
// describers and read them back. They stand apart so that the package they test
// can be fuzzed without building kubectl for that.
package roundtrip
