// Package hosts makes small machines for tests: a network namespace with an
// address and a default route, in which a daemon finds the same as on a machine
// with one network card, and disturbs nobody.
//
// Everything but the network is shared with the machine that runs the tests:
// processes, cgroups and files are there as well. Its one rule: Close leaves
// nothing of the namespace behind.
package hosts
