//go:build !linux

package doctor

import (
	"context"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
)

// gather finds nothing: the daemon does not run here, and the first check says so.
func gather(context.Context, *config.Config, bool, *Host) {}

// LockHolder returns 0: no daemon runs here.
func LockHolder(string) int { return 0 }
