// Package host changes the kernel settings that pods need, and notes what was on
// the host before us, so that a reset can tell ours from what was there.
//
// The note is one JSON file, a Record, good for one boot of one network
// namespace. Its one rule: what was there before is never overwritten in it.
package host
