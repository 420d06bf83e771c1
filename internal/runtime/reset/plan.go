package reset

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/bulkhead-k8s/bulkhead/internal/localnode"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/layout"
)

// Target says whose traces are meant.
type Target struct {
	// DataDir is the data directory.
	DataDir string
	// CgroupRoot is the cgroup of its pods, as "/name".
	CgroupRoot string
	// KeepData leaves the host as after a reboot: what is in the data directory
	// stays, save the state of containers that no longer run.
	KeepData bool

	// local is set for a local node, which is a machine that goes as well.
	local *localnode.Place
}

// Kind says what an item is.
type Kind string

// The kinds, in the order in which they are removed.
const (
	KindProcess   Kind = "process"
	KindMount     Kind = "mount"
	KindNamespace Kind = "network namespace"
	KindInterface Kind = "interface"
	KindRoute     Kind = "route"
	KindTable     Kind = "packet filter table"
	KindChain     Kind = "packet filter chain"
	KindSetting   Kind = "kernel setting"
	KindCgroup    Kind = "cgroup"
	KindFile      Kind = "file"
)

// Item is one thing that would be removed or, for a kernel setting, restored.
type Item struct {
	Kind Kind `json:"kind"`
	// Name says which, in the words of the tool that would show it.
	Name string `json:"name"`
}

func (i Item) String() string { return string(i.Kind) + " " + i.Name }

// Plan is what would be removed, in that order.
type Plan struct {
	Items []Item `json:"items"`

	phases []phase
}

// phase finds and removes the things of one kind.
type phase struct {
	find   func(context.Context) ([]Item, error)
	remove func(context.Context) error
}

// Find returns what is on this host of the target's.
func Find(ctx context.Context, target Target) (*Plan, error) {
	phases, err := target.phases()
	if err != nil {
		return nil, err
	}
	plan := &Plan{phases: phases}
	for _, phase := range phases {
		items, err := phase.find(ctx)
		if err != nil {
			return nil, fmt.Errorf("look for what is left on this host: %w", err)
		}
		plan.Items = append(plan.Items, items...)
	}
	return plan, nil
}

// Apply removes all of the plan, and whatever of its kind appeared since; it
// goes on past failures and returns them joined.
func (p *Plan) Apply(ctx context.Context) error {
	var errs []error
	for _, phase := range p.phases {
		errs = append(errs, phase.remove(ctx))
	}
	return errors.Join(errs...)
}

// directories below which everything that is mounted was mounted by us. What an
// operator mounted elsewhere below the data directory is not.
func (t Target) ownMounts(p layout.Paths) []string {
	return []string{p.State, p.Root, filepath.Join(t.DataDir, "kubelet"), p.ShimSockets}
}

func (t Target) validate() error {
	if !filepath.IsAbs(t.DataDir) || filepath.Clean(t.DataDir) == "/" {
		return fmt.Errorf("reset: data directory %q: want an absolute path below the root", t.DataDir)
	}
	return nil
}
