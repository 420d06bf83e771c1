// Package model is the cluster as the records show it: objects by key with what
// is known of them, what is known to be absent, events, logs reduced to what
// they tell, alerts, exits; and, derived from these, who owns, selects, runs on,
// mounts, scales and calls whom.
//
// Add takes records one by one; Index derives the relations when they are asked
// for. The rule: what no record shows is unknown. Absent says that something is
// known not to be there; that it is not found says nothing.
package model
