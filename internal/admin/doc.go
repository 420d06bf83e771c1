// Package admin is what `bulkhead` and `bulkheadd` say to each other: HTTP with
// JSON bodies over a socket that only the daemon's user may open.
//
// types.go has the values, client.go asks, server.go answers from a Daemon. Its
// one rule: it imports nothing of Kubernetes, so that the CLI stays lean.
package admin
