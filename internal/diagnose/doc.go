// Package diagnose says what failed first: records go in, incidents come out,
// each with its first cause, the chain from there, who is hit, what it is not and
// what to do.
//
// The way goes through model (the cluster as recorded), facts (what that means),
// rules (what can cause what), graph (what explains what) and story (how to say
// it). It is pure: the same records give the same verdict, anywhere.
package diagnose
