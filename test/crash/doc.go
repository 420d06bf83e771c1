// Package crash shows that a cluster of ours is sure-footed: it comes back by
// itself, with nothing lost, from whatever ends it, and refuses in one clear
// line where it cannot work.
//
// Each test has a cluster of its own. See ../README.md.
package crash
