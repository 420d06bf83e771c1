// Package journal keeps records on disk: append-only, bounded, crash-safe.
//
// Append hands records to a bounded queue. One goroutine writes them to a log as
// compressed blocks in order of arrival, and keeps the same blocks in memory. A
// full log is sealed: its records are sorted by object and written as a segment
// with an index, then the log is removed. Sealed segments never change; the oldest
// are removed when the journal is too large or they are too old.
//
//	Append -> queue -> NNN.wal + memory -> NNN.seg (sorted by object) -> removed
//
// Sorting is what makes records small and the history of one object quick to
// find: it lies in one or two blocks of each segment. Readers merge segments and
// memory by time, and never block the writer.
//
// A Thinner in front summarises what a flood repeats or what there is no room for.
//
// The rule: what Sync has returned for is kept, whatever ends the process. What
// is not taken is an error, and a Thinner records the gap once it can.
package journal
