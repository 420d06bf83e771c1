// Package doctor looks at a machine and says what would keep a cluster from
// running on it, and what to do about it.
//
// Gather reads the machine into a Host; every check is a function from a Host
// and the settings to a Result, and stands in the table that Checks returns.
// `bulkhead doctor` runs them all; the daemon runs those of Preflight before it
// changes anything. Its one rule: checks look at the Host only, so that a table
// of made-up hosts tests each of them.
package doctor
