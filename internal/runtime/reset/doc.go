// Package reset finds and removes what a node of ours left on the host:
// processes, mounts, network interfaces, packet filter rules, kernel settings,
// cgroups and files.
//
// Find reads the host and returns a Plan, which can be shown; Plan.Apply carries
// it out, in the order of phases.go, looking again before each phase. It needs no
// running daemon, so it works after kill -9 or a reboot, and finds things by what
// they are (a shim whose -address is our socket, a mount below our directory). Its
// one rule: never touch what is not provably ours.
package reset
