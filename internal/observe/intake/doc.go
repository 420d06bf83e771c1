// Package intake takes what all sources see and gives it to those who want it: the
// diagnosis as it is, the journal in the form that is kept.
//
//	sources -> Intake -> diagnosis
//	                  -> states: history (differences) -> journal
//	                  -> all else: Thinner (repetitions) -> journal
//
// The rule: Append never waits for a disk. What the journal has no room for is
// counted, and the count is recorded.
package intake
