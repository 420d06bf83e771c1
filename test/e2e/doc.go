// Package e2e shows that real things work on a cluster of ours, one file a
// subject.
//
// TestMain starts one cluster in a network namespace of its own and imports the
// image of testapp; the tests share it, run in parallel, and each has a
// namespace of its own. Set KUBECONFIG_E2E to run them on another cluster; they
// then skip what only the machine itself shows. See ../README.md.
//
// The package's one rule: a test asserts behaviour that a user would see, never
// only that an object was stored.
package e2e
