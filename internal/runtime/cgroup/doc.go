// Package cgroup prepares, empties and removes one cgroup of ours in all
// hierarchies, be they version 1, version 2 or both.
//
// Its one rule: it never leaves the cgroup that it was given.
package cgroup
