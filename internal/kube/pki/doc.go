// Package pki makes and renews the cluster's certificates.
//
// A Store is a folder. Each authority and each identity is one PEM file that
// holds certificate and key together, so that one rename replaces both and a
// crash never leaves half of a pair. Ensure issues what is missing, damaged,
// about to expire or made for other names; Renew does so again while the
// daemon runs, and upstream's components reload the files by themselves. Its
// one rule: an authority is never replaced silently, since everything that it
// signed would stop working.
package pki
