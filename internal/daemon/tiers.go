package daemon

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// tier is a set of components that stop together. The daemon has three: what
// stores (etcd, containerd), what serves (the API server) and what works on it
// (controllers, kubelet, addons); each outlives those that use it.
type tier struct {
	name   string
	ctx    context.Context
	cancel context.CancelFunc
	fail   func(error) // ends the whole daemon

	mu      sync.Mutex
	running map[string]bool
	idle    sync.WaitGroup
}

func newTier(name string, fail func(error)) *tier {
	// Not below the daemon's context: its end starts the orderly stop, which
	// takes one tier after the other.
	ctx, cancel := context.WithCancel(context.Background())
	return &tier{name: name, ctx: ctx, cancel: cancel, fail: fail, running: map[string]bool{}}
}

// Go runs a component until the tier stops. If it ends before that, the daemon
// ends, with this component as the reason.
func (t *tier) Go(name string, run func(context.Context) error) {
	t.mu.Lock()
	t.running[name] = true
	t.mu.Unlock()
	t.idle.Go(func() {
		err := run(t.ctx)
		t.mu.Lock()
		delete(t.running, name)
		t.mu.Unlock()
		switch {
		case t.ctx.Err() != nil: // it was asked to end
		case err == nil:
			t.fail(fmt.Errorf("%s ended by itself", name))
		default:
			t.fail(fmt.Errorf("%s: %w", name, err))
		}
	})
}

// Stop asks all components to end, waits for at most grace, and returns the
// names of those that have not ended by then.
func (t *tier) Stop(grace time.Duration) (left []string) {
	t.cancel()
	ended := make(chan struct{})
	go func() {
		t.idle.Wait()
		close(ended)
	}()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-ended:
		return nil
	case <-timer.C:
		t.mu.Lock()
		defer t.mu.Unlock()
		return slices.Sorted(maps.Keys(t.running))
	}
}
