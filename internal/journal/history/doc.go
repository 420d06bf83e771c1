// Package history keeps the states of objects as records and shows them again as
// they were at any past time.
//
// A Recorder takes each full state that a source sees, leaves out what does not
// matter (what changes without anything having happened) and what must not be
// kept (the contents of Secrets), and appends a record.State: the whole object
// now and then, a JSON merge patch otherwise, nothing if nothing changed. At and
// Changes rebuild states from those records.
//
// The rule: a state is whole or follows, patch by patch, from one that is.
package history
