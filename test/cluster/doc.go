// Package cluster runs bulkheadd for tests, each in a network namespace and a
// data directory of its own, and says afterwards what it left on the machine.
//
//	New ──► Start (Launch, WaitReady) ──► Kill | Stop | Down ──► Start … ──► Remove
//
// Its one rule: it looks at the machine with means of its own (/proc, mounts,
// cgroups), not with those of the product that it checks.
package cluster
