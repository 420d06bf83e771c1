package nodepool

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/decide"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/fit"
)

// restFactor is how many times a decision's duration passes until the next one.
const restFactor = 4

// session is the time while there are pools.
type session struct {
	c       *Controller
	watches *watches
	fit     *fit.Scheduler
	memory  decide.Memory
	workers sync.WaitGroup

	byPool map[string]*kept
	// told are the actions that Brakes held in the last decision: each is counted
	// when it begins to be held.
	told map[decide.Held]bool
}

// kept is what a session has of one pool. Its status is ahead of the API server's
// until it is written.
type kept struct {
	spec   v1alpha1.NodePoolSpec // as far as its provider has it, see machines
	uid    string
	worker *worker
	stop   context.CancelFunc
	status v1alpha1.NodePoolStatus
	unsaid bool // the status is not written yet
	broken string
}

// session watches and decides until there is no pool left.
func (c *Controller) session(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	w, err := c.watch()
	if err != nil {
		cancel()
		return err
	}
	s := &session{c: c, watches: w, byPool: map[string]*kept{}, told: map[decide.Held]bool{}}
	defer func() { // informers and workers end with ctx, and are waited for
		cancel()
		w.factory.Shutdown()
		s.workers.Wait()
		c.mu.Lock()
		c.last = Report{}
		c.mu.Unlock()
	}()
	if s.fit, err = fit.New(ctx, c.opts.API.client, w.factory); err != nil {
		return err
	}
	if !w.start(ctx) {
		return nil
	}
	slog.Info("node pools are kept", "pools", len(c.list()))
	for {
		began := time.Now()
		more, active := s.step(ctx)
		took := time.Since(began)
		if !more || ctx.Err() != nil {
			return nil
		}
		if !s.wait(ctx, max(restFactor*took, c.opts.Debounce), active) {
			return nil
		}
	}
}

// wait returns when something changed, and pause has passed, or when it is time to
// look anyway; false: ctx ended.
func (s *session) wait(ctx context.Context, pause time.Duration, active bool) bool {
	tick := s.c.opts.Quiet
	if active {
		tick = s.c.opts.Active
	}
	timer := time.NewTimer(max(tick, pause))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-s.c.wake:
	}
	timer.Reset(pause)
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// step makes one decision and carries it out. more says that there are pools, active
// that something is in motion.
func (s *session) step(ctx context.Context) (more, active bool) {
	pools := s.c.list()
	s.keep(ctx, pools)
	if len(pools) == 0 {
		return false, false
	}
	state := s.state(ctx, pools)
	began := time.Now()
	d := decide.Decide(state)
	s.c.metrics.decision.Observe(time.Since(began).Seconds())
	s.memory = d.Memory
	s.c.mu.Lock()
	s.c.last = Report{At: state.Now, Pods: d.Pods, Nodes: d.Nodes, Advice: d.Advice}
	s.c.mu.Unlock()
	s.carryOut(ctx, pools, &d, state.Now)
	active = len(d.Pods) > 0 || len(d.Buy)+len(d.Drain)+len(d.Remove)+len(d.Evict) > 0 ||
		slices.ContainsFunc(d.Nodes, func(v decide.NodeVerdict) bool { return v.State != "Ready" })
	return true, active
}

// keep starts and ends the workers as pools come and go.
func (s *session) keep(ctx context.Context, pools []*v1alpha1.NodePool) {
	there := map[string]bool{}
	for _, p := range pools {
		there[p.Name] = true
		k := s.byPool[p.Name]
		spec := machines(p.Spec)
		if k != nil && k.uid == string(p.UID) && equality.Semantic.DeepEqual(k.spec, spec) && k.worker != nil {
			continue
		}
		next := &kept{spec: spec, uid: string(p.UID), status: *p.Status.DeepCopy()}
		if k != nil {
			k.end()
			if k.uid == next.uid {
				next.status = k.status
			}
		}
		s.byPool[p.Name] = next
		provider, err := s.c.opts.NewProvider(p.Name, p.Spec)
		if err != nil {
			if k == nil || k.broken != err.Error() {
				slog.Error("a node pool has no provider", "pool", p.Name, "err", err)
			}
			next.broken = err.Error()
			continue
		}
		named := p.Spec.Provider.Type != v1alpha1.ProviderExternalGRPC
		next.worker = newWorker(p.Name, named, provider, s.c.opts.Now, s.c.notify, s.gone)
		var own context.Context
		own, next.stop = context.WithCancel(ctx)
		s.workers.Go(func() { next.worker.run(own) })
	}
	for name, k := range s.byPool {
		if !there[name] {
			k.end()
			delete(s.byPool, name)
			s.c.metrics.forget(name)
		}
	}
}

// machines is what of a pool's spec says how machines are made. A provider keeps it, so
// a change of it makes another.
func machines(s v1alpha1.NodePoolSpec) v1alpha1.NodePoolSpec {
	s = *s.DeepCopy()
	return v1alpha1.NodePoolSpec{Machine: s.Machine, Labels: s.Labels, Taints: s.Taints, Provider: s.Provider}
}

func (k *kept) end() {
	if k.stop != nil {
		k.stop()
	}
}

// gone takes a node out of the API whose machine was given back.
func (s *session) gone(ctx context.Context, node string) {
	if err := s.c.opts.API.deleteNode(ctx, node); err != nil && ctx.Err() == nil {
		slog.Error("a node stays in the API although its machine is gone", "node", node, "err", err)
	}
}

// state gathers what a decision is made from.
func (s *session) state(ctx context.Context, pools []*v1alpha1.NodePool) decide.State {
	w := s.watches
	state := decide.State{Now: s.c.opts.Now(), Nodes: listOf[*corev1.Node](w.nodes), Pods: listOf[*corev1.Pod](w.pods),
		Budgets: listOf[*policyv1.PodDisruptionBudget](w.budgets), DaemonSets: listOf[*appsv1.DaemonSet](w.daemons),
		Owner: w.owner, Memory: s.memory, Fit: s.fit, Name: s.name()}
	for _, b := range listOf[*v1alpha1.Brake](w.brakes) {
		state.Brakes = append(state.Brakes, *b)
	}
	// A stable order makes the same decision of the same state.
	slices.SortFunc(state.Nodes, func(a, b *corev1.Node) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(state.Pods, func(a, b *corev1.Pod) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	for _, p := range pools {
		k := s.byPool[p.Name]
		pool := decide.Pool{Name: p.Name, UID: k.uid, Spec: p.Spec, Status: k.status, Ending: p.DeletionTimestamp != nil, Trouble: k.broken}
		if k.worker != nil {
			k.worker.fill(&pool)
		}
		state.Pools = append(state.Pools, pool)
	}
	if slices.ContainsFunc(state.Nodes, func(n *corev1.Node) bool { return !nodeReady(n) }) {
		state.Trouble = s.c.opts.API.trouble(ctx)
	}
	return state
}

func nodeReady(n *corev1.Node) bool {
	for i := range n.Status.Conditions {
		if n.Status.Conditions[i].Type == corev1.NodeReady {
			return n.Status.Conditions[i].Status == corev1.ConditionTrue
		}
	}
	return false
}

// name gives names that no node had before, also before a restart.
func (s *session) name() func(pool string, n int) string {
	var id [3]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	prefix := hex.EncodeToString(id[:])
	return func(pool string, n int) string { return fmt.Sprintf("%s-%s-%d", pool, prefix, n) }
}
