package reset

import (
	"context"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump/corepattern"
)

// cores is the machine's setting for core dumps, which names a program of ours
// after a daemon that was killed.
type cores struct{ dir string }

func (c cores) find(context.Context) ([]Item, error) {
	ours, err := corepattern.Installed(c.dir)
	if err != nil || !ours {
		return nil, nil // not to be read, so not to be set either
	}
	return []Item{{KindSetting, "kernel.core_pattern"}}, nil
}

func (c cores) remove(context.Context) error {
	if ours, err := corepattern.Installed(c.dir); err != nil || !ours {
		return nil
	}
	return corepattern.Restore(c.dir)
}
