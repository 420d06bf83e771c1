// Package warstory plays examples/warstory on a cluster of its own and checks that
// the cause is named: rightly, soon, and with what follows from it.
package warstory
