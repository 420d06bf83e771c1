package nodepool

import (
	"context"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/decide"
)

// How often machines are listed: while some come or go, and otherwise.
const (
	listBusy = 5 * time.Second
	listIdle = time.Minute
)

// worker talks to the provider of one pool, which may be slow.
type worker struct {
	pool     string
	named    bool // machines get the names that they are asked for under
	provider Provider
	now      func() time.Time
	// changed is called when what snapshot gives has changed; gone with the node
	// whose machine was given back.
	changed func()
	gone    func(ctx context.Context, node string)

	jobs chan job

	mu       sync.Mutex // guards all below
	machines []decide.Machine
	listed   bool
	trouble  string
	refused  string
	refusedA time.Time
	template *corev1.Node
	// asked are the machines that no list has shown yet; seen is when one was first
	// listed, leaving those that are being given back.
	asked   map[string]time.Time
	seen    map[string]time.Time
	leaving map[string]bool
	// done are those that were asked of a provider that gives names itself: it does
	// not list them under these.
	done map[string]bool
}

// job is machines to be made, or one to be given back.
type job struct {
	names   []string
	machine decide.Machine
	node    string
}

func newWorker(pool string, named bool, p Provider, now func() time.Time, changed func(), gone func(context.Context, string)) *worker {
	return &worker{pool: pool, named: named, provider: p, now: now, changed: changed, gone: gone, jobs: make(chan job, 4096),
		asked: map[string]time.Time{}, seen: map[string]time.Time{}, leaving: map[string]bool{}, done: map[string]bool{}}
}

// run works until ctx ends.
func (w *worker) run(ctx context.Context) {
	defer func() {
		if err := w.provider.Close(); err != nil {
			slog.Warn("a node pool's provider was not closed", "pool", w.pool, "err", err)
		}
	}()
	w.list(ctx)
	for {
		timer := time.NewTimer(w.pause())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case j := <-w.jobs:
			timer.Stop()
			w.do(ctx, j)
			for more := true; more; { // one list for all that waits
				select {
				case j := <-w.jobs:
					w.do(ctx, j)
				default:
					more = false
				}
			}
		case <-timer.C:
		}
		w.list(ctx)
	}
}

func (w *worker) pause() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.asked) > 0 || len(w.leaving) > 0 || !w.listed {
		return listBusy
	}
	for _, m := range w.machines {
		if m.State != decide.Running {
			return listBusy
		}
	}
	return listIdle
}

// create asks for machines; they are in the next snapshot.
func (w *worker) create(names []string) {
	w.mu.Lock()
	for _, n := range names {
		w.asked[n] = w.now()
	}
	w.mu.Unlock()
	w.put(job{names: names})
}

// remove gives a machine back, and its node with it, unless that is under way.
func (w *worker) remove(m decide.Machine, node string) {
	key := keyOf(m)
	w.mu.Lock()
	under := key != "" && w.leaving[key]
	if key != "" {
		w.leaving[key] = true
	}
	w.mu.Unlock()
	if !under {
		w.put(job{machine: m, node: node})
	}
}

// put never blocks: what finds no room is decided again.
func (w *worker) put(j job) {
	select {
	case w.jobs <- j:
	default:
		slog.Warn("a node pool's provider is behind", "pool", w.pool)
	}
}

func keyOf(m decide.Machine) string {
	if m.ID != "" {
		return m.ID
	}
	return m.Name
}

func (w *worker) do(ctx context.Context, j job) {
	if j.names == nil {
		err := w.provider.Delete(ctx, j.machine)
		w.mu.Lock()
		delete(w.asked, j.machine.Name)
		if err != nil {
			delete(w.leaving, keyOf(j.machine)) // to be tried again
		}
		w.mu.Unlock()
		switch {
		case err != nil && ctx.Err() == nil:
			slog.Error("a machine was not given back", "pool", w.pool, "machine", keyOf(j.machine), "err", err)
		case err == nil && j.node != "":
			w.gone(ctx, j.node)
		}
		return
	}
	err := w.provider.Create(ctx, j.names)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refused, w.refusedA = "", time.Time{}
	if err == nil {
		for _, n := range j.names {
			w.done[n] = !w.named
		}
		return
	}
	w.refused, w.refusedA = err.Error(), w.now()
	for _, n := range j.names {
		delete(w.asked, n)
	}
	if ctx.Err() == nil {
		slog.Error("a node pool's provider made no machines", "pool", w.pool, "machines", len(j.names), "err", err)
	}
}

func (w *worker) list(ctx context.Context) {
	list, err := w.provider.List(ctx)
	if ctx.Err() != nil {
		return
	}
	template := w.template
	if err == nil && template == nil {
		template, err = w.provider.Template(ctx)
	}
	w.mu.Lock()
	if err != nil {
		w.listed, w.trouble = false, err.Error()
	} else {
		w.listed, w.trouble, w.template = true, "", template
		w.take(list)
	}
	w.mu.Unlock()
	w.changed()
}

// take makes a list the present one; mu is held.
func (w *worker) take(list []decide.Machine) {
	present := map[string]bool{}
	for i := range list {
		m := &list[i]
		key := keyOf(*m)
		present[key] = true
		if m.Asked.IsZero() {
			if at, is := w.asked[m.Name]; is {
				m.Asked = at
			} else if at, is := w.seen[key]; is {
				m.Asked = at
			} else {
				m.Asked = w.now()
			}
		}
		w.seen[key] = m.Asked
		delete(w.asked, m.Name)
		if w.leaving[key] && key != "" {
			m.State = decide.Deleting
		}
	}
	for name, own := range w.done {
		if own {
			delete(w.asked, name)
		}
	}
	clear(w.done)
	for key := range w.seen {
		if !present[key] {
			delete(w.seen, key)
		}
	}
	for key := range w.leaving {
		if !present[key] {
			delete(w.leaving, key)
		}
	}
	w.machines = list
}

// fill puts what is known of the provider into a decision's pool.
func (w *worker) fill(p *decide.Pool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.Listed, p.Trouble, p.Refused, p.RefusedAt = w.listed, w.trouble, w.refused, w.refusedA
	p.Machines = append(p.Machines, w.machines...)
	for name, at := range w.asked {
		p.Machines = append(p.Machines, decide.Machine{Name: name, State: decide.Making, Asked: at})
	}
	if w.template != nil {
		p.Template = decide.Template(p.Name, decide.Complete(p.Spec), w.template)
	}
}

// answered says that the provider's list is the present one.
func (w *worker) answered() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.listed && len(w.asked) == 0
}
