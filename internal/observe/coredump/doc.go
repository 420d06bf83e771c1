// Package coredump is what the kernel hands a crashed process's core to
// (core_pattern), and what makes a report of it.
//
// The kernel starts the handler, a program of its own beside the daemon, with the
// core in a pipe. While the kernel waits for its reader, the process still exists:
// the handler takes the container from its cgroup and the stacks from its memory.
// Then it keeps the core, if the quota allows, and writes the report into a
// directory. The daemon reads reports there, now or when it is up again.
//
// Install puts the handler into core_pattern, or asks the handler of another
// Bulkhead on the machine for the cores of our pods; package corepattern brings back
// what was there.
//
// The rule: whatever fails, the process's end is not held up for long, the disk
// does not fill, and a report is written that says what is missing.
package coredump
