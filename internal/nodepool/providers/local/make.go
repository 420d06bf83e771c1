package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/localnode"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/process"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/reset"
	"github.com/bulkhead-k8s/bulkhead/internal/stages"
)

const (
	// pollTime is how often a process is asked again that tells nobody.
	pollTime = 50 * time.Millisecond
	// endLimit bounds the orderly end of the pods of a node that is taken away: what
	// could move was moved before.
	endLimit = 5 * time.Second
	// revokeLimit bounds the end of a token, which would expire anyway.
	revokeLimit = 5 * time.Second
)

// agent is the process of a node's agent.
type agent struct {
	ended chan struct{}

	mu     sync.Mutex // guards all below
	status int        // valid once ended is closed
	ready  time.Time
	over   time.Time
}

func (a *agent) end() ended {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := ended{status: a.status}
	if !a.ready.IsZero() {
		e.readyFor = max(1, a.over.Sub(a.ready))
	}
	return e
}

// finish closes ended, with how it was.
func (a *agent) finish(status int) {
	a.mu.Lock()
	a.status, a.over = status, time.Now()
	a.mu.Unlock()
	close(a.ended)
}

// make makes a node and returns once it is ready.
func (h *Host) make(ctx context.Context, n *node) (*agent, error) {
	if err := h.connect(ctx, n); err != nil {
		return nil, err
	}
	if n.record.DiskBytes > 0 {
		if err := n.place.MakeDisk(ctx, n.record.DiskBytes); err != nil {
			return nil, err
		}
	}
	token, err := h.o.Token(ctx)
	if err != nil {
		return nil, fail(n, "make a token", err)
	}
	defer h.revoke(token)
	if err := n.place.WriteSettings(n.plan.settings(h.o.Cluster, n.place.Name, n.record.Address, token)); err != nil {
		return nil, err
	}
	a, err := h.start(ctx, n)
	if err != nil {
		return nil, err
	}
	return a, h.made(n)
}

// made notes that a node has joined.
func (h *Host) made(n *node) error {
	if err := n.place.ForgetToken(); err != nil {
		return err
	}
	return h.note(n, func(r *localnode.Record) { r.State = localnode.Made })
}

func (h *Host) revoke(token string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), revokeLimit)
	defer cancel()
	if err := h.o.Revoke(ctx, token); err != nil {
		slog.Warn("a local node's token is left until it expires", "err", err)
	}
}

// connect makes the node's network, as far as it is not there.
func (h *Host) connect(ctx context.Context, n *node) error {
	h.network.Lock()
	defer h.network.Unlock()
	if err := n.record.Network.Ensure(ctx, h.o.DataDir); err != nil {
		return err
	}
	if n.place.Connected() {
		return nil
	}
	return n.place.Connect(n.record.Network, n.record.Address)
}

// takeOver finds the agent of a node that another daemon has made, or starts it: a
// machine that was off when this one was started.
func (h *Host) takeOver(ctx context.Context, n *node) (*agent, error) {
	a, err := running(n.place)
	if err != nil || a != nil {
		return a, err
	}
	if err := h.connect(ctx, n); err != nil {
		return nil, err
	}
	return h.start(ctx, n)
}

// running is a node's agent that another daemon has started; nil if there is none.
func running(place localnode.Place) (*agent, error) {
	all, err := process.Find(place.Owner())
	if err != nil {
		return nil, err
	}
	for _, found := range all {
		handle, err := place.Owner().Open(found)
		if errors.Is(err, process.ErrEnded) {
			continue
		}
		if err != nil {
			return nil, err
		}
		a := &agent{ended: make(chan struct{}), ready: time.Now()}
		go func() { // ends with the agent, which is not ours to wait for
			_ = handle.Wait(context.Background())
			_ = handle.Close()
			a.finish(-1)
		}()
		return a, nil
	}
	return nil, nil
}

// finish waits for a node that was on its way when the daemon that made it ended.
func (h *Host) finish(ctx context.Context, n *node) (*agent, error) {
	a, err := running(n.place)
	if err == nil && a == nil {
		err = errEnded
	}
	if err == nil {
		err = awaitReady(ctx, n.place, a)
	}
	if err != nil {
		return nil, err
	}
	return a, h.made(n) // its token expires
}

// start starts a node's agent and returns once the node is ready.
func (h *Host) start(ctx context.Context, n *node) (*agent, error) {
	select {
	case h.starts <- struct{}{}:
		defer func() { <-h.starts }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	began := time.Now()
	if n.record.DiskBytes > 0 {
		if err := n.place.MountDisk(ctx); err != nil {
			return nil, err
		}
	}
	command, err := n.place.Start(h.o.Executable)
	if err != nil {
		return nil, err
	}
	a := &agent{ended: make(chan struct{})}
	go func() { // as in running
		_ = command.Wait()
		a.finish(command.ProcessState.ExitCode())
	}()
	if err := awaitReady(ctx, n.place, a); err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.ready = time.Now()
	a.mu.Unlock()
	slog.Info("local node is ready", "node", n.place.Name, "after", a.ready.Sub(began).Round(time.Millisecond))
	return a, nil
}

// awaitReady waits until pods can be scheduled to the node.
func awaitReady(ctx context.Context, place localnode.Place, a *agent) error {
	client := adminOf(place)
	defer client.Close()
	for {
		// The stream of stages ends when the start is over.
		if err := client.FollowStages(ctx, func(stages.Stage) error { return nil }); err == nil {
			if status, err := client.Status(ctx); err == nil && status.Ready {
				return nil
			}
		}
		select {
		case <-a.ended:
			return fmt.Errorf("%w: %s", errEnded, place.LastWords())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollTime):
		}
	}
}

func adminOf(place localnode.Place) *admin.Client {
	c := &config.Config{DataDir: place.DataDir()}
	return admin.NewClient(c.DataDir, c.AdminSocket())
}

// takeAway ends a node and removes all that it has on this machine.
func (h *Host) takeAway(ctx context.Context, place localnode.Place) error {
	return stop(ctx, place, endLimit, false)
}

// stop ends a node with its pods, which have limit to end in order.
func stop(ctx context.Context, place localnode.Place, limit time.Duration, keepData bool) error {
	client := adminOf(place)
	defer client.Close()
	orderly, cancel := context.WithTimeout(ctx, limit)
	err := client.Stop(orderly, false)
	cancel()
	if err != nil && !errors.Is(err, admin.ErrNotRunning) {
		slog.Warn("a local node is ended by force", "node", place.Name, "err", err)
	}
	plan, err := reset.FindNode(ctx, place, keepData)
	if err == nil {
		err = plan.Apply(ctx)
	}
	if err != nil {
		return fmt.Errorf("take node %s off this machine: %w", place.Name, err)
	}
	return nil
}

// StopAll ends all local nodes of a server with their pods, in order as long as ctx
// lets them. Their data stays, and the next Host starts them again.
func StopAll(ctx context.Context, dataDir string, limit time.Duration) error {
	places, err := localnode.Find(dataDir)
	if err != nil {
		return err
	}
	errs := make([]error, len(places))
	var group errgroup.Group
	for i, place := range places {
		group.Go(func() error {
			errs[i] = stop(ctx, place, limit, true)
			return nil
		})
	}
	_ = group.Wait()
	return errors.Join(append(errs, localnode.RemoveBridges(ctx, dataDir))...)
}
