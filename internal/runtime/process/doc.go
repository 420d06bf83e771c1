// Package process finds the processes of one data directory's containerd by
// their command lines, and holds on to them.
//
// Find reads /proc; a Handle is a pidfd, so that a signal can never hit another
// process that got the same number later. Its one rule: a process is ours only
// if its command line names our own paths.
package process
