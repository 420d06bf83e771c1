// Package rules is the table of what can cause what: cause, effect, how the two
// objects belong together, in which order and how long after, the sentence that
// it yields, why it is true, and where that can be read.
//
// Adding a rule is adding a row. A rule that is not a row does not exist.
package rules
