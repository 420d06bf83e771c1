// Package suite names what upstream's conformance suite and its test images are
// built from, so that go.mod requires it. Nothing imports it: the suite is
// compiled by `go test -c k8s.io/kubernetes/test/e2e`, the images' programs by
// `go build`.
package suite
