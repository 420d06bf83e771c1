// Package stages records how a start goes: which stage began when, how long it
// took, and what made it fail.
//
// Components open a stage with Begin and close it; a Tracker keeps the list and
// hands it to whoever watches (the progress lines of `bulkhead up`, the trace of
// `bulkhead up --trace`). Its one rule: it observes and never decides; nothing
// waits on a stage, components wait on each other's ready channels.
package stages
