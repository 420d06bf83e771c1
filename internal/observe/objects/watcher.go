package objects

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

// Options of a Watcher.
type Options struct {
	// Config leads to the cluster.
	Config *rest.Config
	// To is given the records. It must not block: while it does, a kind is not
	// watched, and what the API server then drops is listed again.
	To journal.Appender
	// Resources are further kinds, as widgets.example.com.
	Resources []string
	// SecretKey makes hashes of Secrets' values, so that a change shows; without
	// it only the keys are left.
	SecretKey []byte
	// LogLines is how many of the last lines of a container that ended badly are
	// read. Default 40; negative reads none.
	LogLines int
	// Refresh is how often all objects are listed and handed over again, so that
	// who keeps differences gets whole ones. Default 5 hours.
	Refresh time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// KindStatus is how the watch of one kind is.
type KindStatus struct {
	Kind   string
	Listed bool
	Count  int    // when it was last listed
	Lost   uint64 // records that were not taken
	// Problem is why it is not watched now; empty if it is.
	Problem string
}

// Watcher follows all objects of a cluster.
type Watcher struct {
	opts   Options
	kinds  []resource.Kind
	owners *owners
	stores map[string]*store // by kind
	source *source
	logs   *crashLogs // nil if none are read

	mu     sync.Mutex
	status map[string]*KindStatus
	ready  chan struct{}
	first  map[string]chan struct{} // closed once a kind was tried
}

// New makes a watcher; Run starts it.
func New(o Options) (*Watcher, error) {
	if o.Refresh == 0 {
		o.Refresh = 5 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	source, err := newSource(o.Config)
	if err != nil {
		return nil, fmt.Errorf("watch the cluster: %w", err)
	}
	w := &Watcher{
		opts: o, owners: newOwners(), source: source, stores: map[string]*store{}, status: map[string]*KindStatus{},
		ready: make(chan struct{}), first: map[string]chan struct{}{},
	}
	if o.LogLines = cmp.Or(o.LogLines, 40); o.LogLines > 0 {
		w.logs = &crashLogs{w: w, lines: o.LogLines, queue: make(chan failing, logQueue), last: map[likeLog]time.Time{}}
	}
	for _, k := range Kinds() {
		w.add(k)
	}
	return w, nil
}

func (w *Watcher) add(k resource.Kind) {
	w.kinds = append(w.kinds, k)
	w.stores[k.Kind] = &store{w: w, kind: k, known: map[storeKey]known{}}
	w.status[k.Kind] = &KindStatus{Kind: k.Kind}
	w.first[k.Kind] = make(chan struct{})
}

// Ready is closed once each kind was listed or refused.
func (w *Watcher) Ready() <-chan struct{} { return w.ready }

// Status is how each kind's watch is, in a fixed order.
func (w *Watcher) Status() []KindStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]KindStatus, 0, len(w.kinds))
	for _, k := range w.kinds {
		out = append(out, *w.status[k.Kind])
	}
	return out
}

// Run watches until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	for _, name := range w.opts.Resources {
		k, err := w.source.resolve(ctx, name)
		if err != nil {
			w.mu.Lock()
			w.kinds = append(w.kinds, resource.Kind{})
			w.kinds[len(w.kinds)-1].Kind = name
			w.status[name] = &KindStatus{Kind: name, Problem: err.Error()}
			w.mu.Unlock()
			continue
		}
		w.mu.Lock()
		w.add(k)
		w.mu.Unlock()
	}
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { w.awaitAll(ctx) })
	if w.logs != nil {
		all.Go(func() { w.logs.run(ctx) })
	}
	for ctx.Err() == nil {
		w.watchOnce(ctx)
	}
	return nil
}

func (w *Watcher) awaitAll(ctx context.Context) {
	for _, k := range w.kinds {
		if c := w.first[k.Kind]; c != nil && !await(ctx, c) {
			return
		}
	}
	close(w.ready)
}

func await(ctx context.Context, c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-ctx.Done():
		return false
	}
}

// watchOnce watches until the next refresh.
func (w *Watcher) watchOnce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, w.opts.Refresh)
	defer cancel()
	var all sync.WaitGroup
	for _, k := range w.kinds {
		if w.stores[k.Kind] == nil {
			continue
		}
		all.Go(func() {
			if !slices.Contains(makers, k.Plural) {
				w.awaitMakers(ctx)
			}
			w.watch(ctx, k)
		})
	}
	all.Wait()
}

// makersTime is how long the others wait for the kinds that own pods.
const makersTime = 3 * time.Second

func (w *Watcher) awaitMakers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, makersTime)
	defer cancel()
	for _, k := range kinds(makers) {
		if !await(ctx, w.first[k.Kind]) {
			return
		}
	}
}

// pause is how long a kind that cannot be watched waits: at most 30 s, as
// informers do.
func pause() wait.Backoff {
	return wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 20, Cap: 30 * time.Second}
}

// watch follows one kind until ctx ends. What is refused is tried again: rights
// may come, and so may CRDs.
func (w *Watcher) watch(ctx context.Context, k resource.Kind) {
	reflector := cache.NewReflectorWithOptions(w.source.listWatch(k, func(err error) { w.problem(k, err) }), k.New(), w.stores[k.Kind],
		cache.ReflectorOptions{Name: "observe " + k.Plural, TypeDescription: k.Kind})
	backoff := pause()
	for ctx.Err() == nil {
		began := w.opts.Now()
		if err := reflector.ListAndWatchWithContext(ctx); err != nil && ctx.Err() == nil {
			w.problem(k, err)
		}
		if w.opts.Now().Sub(began) > time.Minute {
			backoff = pause()
		}
		select {
		case <-ctx.Done():
		case <-time.After(backoff.Step()):
		}
	}
}

// problem notes the result of a request for a kind.
func (w *Watcher) problem(k resource.Kind, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.status[k.Kind]
	if err == nil {
		s.Problem = ""
		return
	}
	s.Problem = err.Error()
	if w.source.final(err) {
		w.tried(k.Kind)
	}
}

// synced notes that a kind was listed whole.
func (w *Watcher) synced(k resource.Kind, count int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.status[k.Kind]
	s.Listed, s.Count, s.Problem = true, count, ""
	w.tried(k.Kind)
}

// tried says that nothing more is to be waited for from a kind; mu is held.
func (w *Watcher) tried(kind string) {
	select {
	case <-w.first[kind]:
	default:
		close(w.first[kind])
	}
}

// hand gives records on.
func (w *Watcher) hand(k resource.Kind, records ...record.Record) {
	if err := w.opts.To.Append(records...); err != nil {
		w.mu.Lock()
		w.status[k.Kind].Lost += uint64(len(records))
		w.mu.Unlock()
	}
}

// OwnersOf is the chain of controllers above an object, nearest first, as far as it
// is known.
func (w *Watcher) OwnersOf(ref record.Ref) []record.Ref { return w.ownersOf(ref) }

// ownersOf is the chain above an object that is watched.
func (w *Watcher) ownersOf(ref record.Ref) []record.Ref { return w.find(ref).owners }

// NodeOf is the node of a pod; empty for one that is on none, or is not known under
// its UID.
func (w *Watcher) NodeOf(pod record.Ref) string {
	if k := w.find(pod); string(k.uid) == pod.UID {
		return k.node
	}
	return ""
}

func (w *Watcher) find(ref record.Ref) known {
	w.mu.Lock()
	s := w.stores[ref.Kind]
	w.mu.Unlock()
	if s == nil || s.kind.Group != ref.Group || s.isEvents() {
		return known{}
	}
	return s.find(ref.Namespace, ref.Name)
}
