package reset

import (
	"context"
	"errors"
)

// Target says whose traces are meant.
type Target struct {
	// DataDir is the data directory.
	DataDir string
	// CgroupRoot is the cgroup of its pods, as "/name".
	CgroupRoot string
	// KeepData leaves the data directory's files alone.
	KeepData bool
}

// Item is one thing that would be removed.
type Item struct {
	// Kind is what it is: process, mount, interface, …
	Kind string `json:"kind"`
	// Name says which, in the words of the tool that would show it.
	Name string `json:"name"`
}

// Plan is what would be removed, in that order.
type Plan struct {
	Items []Item `json:"items"`
}

// Find returns what is on this host of the target's.
func Find(ctx context.Context, target Target) (*Plan, error) { return nil, errors.ErrUnsupported }

// Apply removes all of the plan, and whatever appeared since; it goes on past
// failures and returns them joined.
func (p *Plan) Apply(ctx context.Context) error { return errors.ErrUnsupported }
