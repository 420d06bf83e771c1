// Package objects turns what an API server holds into records: a Watcher follows
// every kind that matters as it changes, a Snapshot reads all once.
//
//	API server -> reflector (a kind each) -> store -> records -> Appender
//
// The store keeps of each object what tells what is new about it: its UID, its
// owners, the ends of its containers that were recorded. Objects themselves are
// handed on and forgotten.
//
// The rule: the values of Secrets are removed before anything else sees them, and
// a kind that may not be listed is reported and stops nothing else.
package objects
