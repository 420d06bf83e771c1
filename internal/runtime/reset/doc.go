// Package reset finds and removes what a node of ours left on the host:
// processes, mounts, network interfaces, packet filter tables, cgroups, files.
//
// Find reads the host and returns a Plan, which can be shown; Plan.Apply carries
// it out. It needs no running daemon, so it works after kill -9 or a reboot, and
// finds by what things are (a shim whose -address is our socket, a mount below
// our directory), not by what was noted down. Its one rule: never touch what is
// not provably ours.
package reset
