// Package shop is a small real application to try a cluster with: a Node.js
// front, an API in Go, PostgreSQL with a volume, and a nightly job.
//
// Images assembles its container images from Debian packages and Go programs
// of this module; Manifests holds what `kubectl apply` takes.
package shop
