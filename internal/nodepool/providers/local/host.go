package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/localnode"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/decide"
	"github.com/bulkhead-k8s/bulkhead/internal/runtime/process"
)

// Options of a Host. All are required.
type Options struct {
	// DataDir is the server's; the nodes lie in it.
	DataDir string
	// Executable is the daemon's program, which becomes the agents.
	Executable string
	Cluster    Cluster
	// Token makes what a node joins with, and revokes it.
	Token  func(context.Context) (string, error)
	Revoke func(ctx context.Context, token string) error
}

// Host has the local nodes of all pools. Its methods may be called from any goroutine.
type Host struct {
	o       Options
	machine Machine
	ctx     context.Context
	end     context.CancelFunc
	group   sync.WaitGroup
	// starts bounds how many agents start at a time: they compete for processors.
	starts chan struct{}

	network sync.Mutex // held while bridges and their rules change

	mu    sync.Mutex // guards nodes, and what is in them
	nodes map[string]*node
}

// node is one of the Host's.
type node struct {
	place  localnode.Place
	record localnode.Record
	plan   *plan // nil for one that another daemon has made
	// deleting says that it is being taken away.
	deleting bool
	// stop ends what keeps it, which closes kept.
	stop context.CancelFunc
	kept chan struct{}
}

// NewHost takes over the nodes that an earlier daemon has left: those that live are
// watched, those that were ready once are started, and the rest is removed.
func NewHost(o Options) (*Host, error) {
	if err := refuse(gather(), false); err != nil {
		return nil, err
	}
	machine, err := measure(o.DataDir)
	if err != nil {
		return nil, err
	}
	places, err := localnode.Find(o.DataDir)
	if err != nil {
		return nil, err
	}
	h := &Host{o: o, machine: machine, nodes: map[string]*node{}, starts: make(chan struct{}, max(1, runtime.NumCPU()))}
	h.ctx, h.end = context.WithCancel(context.Background())
	var parts []localnode.Place
	for _, place := range places {
		record, err := place.Load()
		keep := false
		if err == nil {
			keep, err = keeps(record, place)
		}
		switch {
		case err != nil:
			h.Close()
			return nil, err
		case keep:
			h.add(place, *record, nil)
		default:
			parts = append(parts, place)
		}
	}
	// Once it is known which bridges are in use.
	h.group.Go(func() { h.clear(parts) })
	return h, nil
}

// clear removes what there is of nodes that were half made, or half removed.
func (h *Host) clear(parts []localnode.Place) {
	for _, place := range parts {
		slog.Warn("a local node of which there is only a part is removed", "node", place.Name)
		if err := h.takeAway(h.ctx, place); err != nil && h.ctx.Err() == nil {
			slog.Error("a part of a local node is left", "node", place.Name, "err", err)
		}
	}
	if err := h.tidy(h.ctx); err != nil && h.ctx.Err() == nil {
		slog.Error("local nodes", "err", err)
	}
}

// keeps says whether a node that another daemon has left is taken over.
func keeps(r *localnode.Record, place localnode.Place) (bool, error) {
	switch {
	case r == nil || r.State == localnode.Removing:
		return false, nil
	case r.State == localnode.Making:
		found, err := process.Find(place.Owner())
		return len(found) > 0, err
	}
	return true, nil
}

// Close lets go of the nodes; they go on.
func (h *Host) Close() {
	h.end()
	h.group.Wait()
}

// add has a node kept.
func (h *Host) add(place localnode.Place, record localnode.Record, p *plan) {
	ctx, stop := context.WithCancel(h.ctx)
	n := &node{place: place, record: record, plan: p, stop: stop, kept: make(chan struct{})}
	h.mu.Lock()
	h.nodes[place.Name] = n
	h.mu.Unlock()
	h.group.Go(func() {
		defer close(n.kept)
		h.keep(ctx, n)
	})
}

// create begins to make nodes.
func (h *Host) create(p *plan, names []string) error {
	for _, name := range names {
		place := localnode.Place{Server: h.o.DataDir, Name: name}
		address, err := h.freeAddress(p.network)
		if err == nil {
			err = validate(place, address, h.o.Cluster)
		}
		if err != nil {
			return err
		}
		record := p.record(address)
		record.Asked = time.Now()
		// Before anything is made, so that it is found after a crash.
		if err := place.Save(record); err != nil {
			return err
		}
		h.add(place, record, p)
	}
	return nil
}

func (h *Host) freeAddress(n localnode.Network) (netip.Addr, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	taken := map[netip.Addr]bool{}
	for _, other := range h.nodes {
		taken[other.record.Address] = true
	}
	return n.Free(taken)
}

// list is the machines of a pool, by name.
func (h *Host) list(pool string) []decide.Machine {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []decide.Machine
	for name, n := range h.nodes {
		if n.record.Pool != pool {
			continue
		}
		m := decide.Machine{ID: idOf(pool, name), Name: name, Asked: n.record.Asked}
		switch {
		case n.deleting:
			m.State = decide.Deleting
		case n.record.State == localnode.Failed:
			m.State, m.Error = decide.Failed, n.record.Error
		case n.record.State == localnode.Making:
			m.State = decide.Making
		default:
			m.State = decide.Running
		}
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b decide.Machine) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// delete takes a node away; one that is not there is no error.
func (h *Host) delete(ctx context.Context, name string) error {
	h.mu.Lock()
	n := h.nodes[name]
	if n != nil {
		n.deleting = true
	}
	h.mu.Unlock()
	if n == nil {
		return nil
	}
	n.stop()
	<-n.kept
	err := h.note(n, func(r *localnode.Record) { r.State = localnode.Removing })
	err = errors.Join(err, h.takeAway(ctx, n.place))
	h.mu.Lock()
	n.deleting = false
	if err == nil {
		delete(h.nodes, name)
	}
	h.mu.Unlock()
	if err != nil {
		return err
	}
	return h.tidy(ctx)
}

// tidy removes the bridges that no node is connected to.
func (h *Host) tidy(ctx context.Context) error {
	h.network.Lock()
	defer h.network.Unlock()
	bridges, err := localnode.Bridges(h.o.DataDir)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	h.mu.Lock()
	for _, n := range h.nodes {
		used[n.record.Network.Bridge] = true
	}
	h.mu.Unlock()
	var errs []error
	for _, bridge := range bridges {
		if name := bridge.Attrs().Name; !used[name] {
			errs = append(errs, localnode.RemoveBridge(ctx, h.o.DataDir, name))
		}
	}
	return errors.Join(errs...)
}

// note changes a node's record, here and on the disk.
func (h *Host) note(n *node, change func(*localnode.Record)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(&n.record)
	return n.place.Save(n.record)
}

// errEnded indicates an agent that ended before its node was ready.
var errEnded = errors.New("the agent ended before its node was ready")

// keep makes a node if it is to be made, and keeps its agent running until ctx ends.
func (h *Host) keep(ctx context.Context, n *node) {
	var a *agent
	var err error
	switch {
	case n.record.State == localnode.Failed:
		return
	case n.plan != nil:
		a, err = h.make(ctx, n)
	case n.record.State == localnode.Making:
		a, err = h.finish(ctx, n)
	default:
		a, err = h.takeOver(ctx, n)
	}
	switch {
	case ctx.Err() != nil:
		return
	case err != nil && n.record.State == localnode.Making:
		slog.Error("a local node was not made", "node", n.place.Name, "err", err)
		if err := h.note(n, func(r *localnode.Record) { r.State, r.Error = localnode.Failed, err.Error() }); err != nil {
			slog.Error("local nodes", "err", err)
		}
		return
	case err != nil:
		slog.Error("a local node does not come back", "node", n.place.Name, "err", err)
		return
	}
	h.watch(ctx, n, a)
}

// watch starts an agent again that ends by itself.
func (h *Host) watch(ctx context.Context, n *node, a *agent) {
	pause := time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.ended:
		}
		var again bool
		if again, pause = next(a.end(), pause); !again {
			slog.Warn("a local node is off: its agent was ended", "node", n.place.Name, "said", n.place.LastWords())
			return
		}
		slog.Warn("a local node's agent ended and is started again", "node", n.place.Name, "said", n.place.LastWords(), "pause", pause)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		var err error
		if a, err = h.start(ctx, n); err != nil {
			if ctx.Err() == nil {
				slog.Error("a local node is off", "node", n.place.Name, "err", err)
			}
			return
		}
	}
}

// ended is how an agent's run went.
type ended struct {
	// status is its exit status; below zero if a signal ended it, or if that is not
	// known since it was another daemon's child.
	status int
	// readyFor is how long it had been ready; 0: it never was.
	readyFor time.Duration
}

// How long to wait before an agent is started again: a second, doubled with each end
// that follows soon, to half a minute.
const (
	firstPause = time.Second
	maxPause   = 30 * time.Second
	wellAfter  = time.Minute
)

// next decides whether an agent is started again, and after which pause; last is that
// of the time before.
func next(e ended, last time.Duration) (again bool, pause time.Duration) {
	switch {
	case e.status <= 0: // asked to end, or without power
		return false, 0
	case e.readyFor == 0: // it said why it cannot start, and would say so again
		return false, 0
	case last == 0 || e.readyFor >= wellAfter:
		return true, firstPause
	}
	return true, min(2*last, maxPause)
}

func fail(n *node, doing string, err error) error {
	return fmt.Errorf("%s of node %s: %w", doing, n.place.Name, err)
}
