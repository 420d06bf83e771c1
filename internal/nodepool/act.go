package nodepool

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/decide"
)

// carryOut does what was decided. The statuses come first: what was bought for whom
// must not be forgotten by a restart in between.
func (s *session) carryOut(ctx context.Context, pools []*v1alpha1.NodePool, d *decide.Decision, now time.Time) {
	for _, p := range pools {
		s.writeStatus(ctx, p, d.Statuses[p.Name], now)
		s.finalize(ctx, p, d)
	}
	for _, b := range d.Buy {
		slog.Info("node pool grows", "pool", b.Pool, "nodes", len(b.Names), "why", b.Why)
		s.tell(ctx, b.Pool, corev1.EventTypeNormal, "ScaleUp", fmt.Sprintf("It grows by %d: %s", len(b.Names), b.Why))
		s.c.metrics.actions.WithLabelValues(b.Pool, "create").Add(float64(len(b.Names)))
		s.byPool[b.Pool].worker.create(b.Names)
	}
	for _, r := range d.Drain {
		s.drain(ctx, r)
	}
	for _, r := range d.Release {
		slog.Info("node stays", "pool", r.Pool, "node", r.Node, "why", r.Why)
		s.tell(ctx, r.Pool, corev1.EventTypeNormal, "DrainEnded", "Node "+r.Node+" stays: "+r.Why)
		s.logged(s.c.opts.API.patchNode(ctx, r.Node, map[string]any{
			"metadata": map[string]any{"annotations": map[string]any{v1alpha1.AnnotationDrain: nil}}, "spec": map[string]any{"unschedulable": nil}}))
	}
	for _, e := range d.Evict {
		s.evict(ctx, e)
	}
	for _, r := range d.Remove {
		if k := s.byPool[r.Pool]; k != nil && k.worker != nil {
			k.worker.remove(r.Machine, r.Node)
		}
	}
	s.countHeld(ctx, d.Held, now)
}

func (s *session) logged(err error) {
	if err != nil {
		slog.Error("node pools", "err", err)
	}
}

func (s *session) tell(ctx context.Context, pool, kind, reason, message string) {
	s.logged(s.c.opts.API.event(ctx, pool, s.byPool[pool].uid, kind, reason, message))
}

func (s *session) drain(ctx context.Context, r decide.Drain) {
	slog.Info("node is emptied", "pool", r.Pool, "node", r.Node, "for", r.Mark.For, "why", r.Mark.Why)
	s.tell(ctx, r.Pool, corev1.EventTypeNormal, r.Mark.For, "Node "+r.Node+" is emptied: "+r.Mark.Why)
	s.c.metrics.actions.WithLabelValues(r.Pool, "drain for "+r.Mark.For).Inc()
	mark, err := json.Marshal(r.Mark)
	if err != nil {
		s.logged(err)
		return
	}
	s.logged(s.c.opts.API.patchNode(ctx, r.Node, map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{v1alpha1.AnnotationDrain: string(mark)}}, "spec": map[string]any{"unschedulable": true}}))
}

func (s *session) evict(ctx context.Context, e decide.Eviction) {
	err := s.c.opts.API.client.PolicyV1().Evictions(e.Pod.Namespace).Evict(ctx, &policyv1.Eviction{
		ObjectMeta:    metav1.ObjectMeta{Namespace: e.Pod.Namespace, Name: e.Pod.Name},
		DeleteOptions: &metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(e.Pod.UID))},
	})
	// A budget that lets it not go, or a pod that is gone or another by now, shows in
	// the next decision.
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsTooManyRequests(err) && !apierrors.IsConflict(err) {
		s.logged(fmt.Errorf("evict pod %s/%s from node %s: %w", e.Pod.Namespace, e.Pod.Name, e.Node, err))
	}
}

// writeStatus writes a pool's status if it changed, and tells what began or ended to
// be held.
func (s *session) writeStatus(ctx context.Context, p *v1alpha1.NodePool, next v1alpha1.NodePoolStatus, now time.Time) {
	k := s.byPool[p.Name]
	for _, c := range next.Conditions {
		was := find(k.status.Conditions, c.Type)
		if c.Type != v1alpha1.ConditionProviderAnswers && c.Status == metav1.ConditionTrue && (was == nil || was.Status != c.Status || was.Reason != c.Reason) {
			slog.Warn("node pool is held", "pool", p.Name, "condition", c.Type, "reason", c.Reason, "why", c.Message)
			s.tell(ctx, p.Name, corev1.EventTypeWarning, c.Type, c.Reason+": "+c.Message)
		}
	}
	s.c.metrics.pool(p.Name, &next, now)
	k.unsaid = k.unsaid || !equality.Semantic.DeepEqual(k.status, next)
	k.status = next
	if !k.unsaid {
		return
	}
	err := s.c.opts.API.writeStatus(ctx, p.Name, &next)
	if err == nil || apierrors.IsNotFound(err) {
		k.unsaid = false
		return
	}
	if !apierrors.IsConflict(err) && ctx.Err() == nil {
		slog.Error("a node pool's status is not written; trying again", "err", err)
	}
}

func find(list []metav1.Condition, kind string) *metav1.Condition {
	for i := range list {
		if list[i].Type == kind {
			return &list[i]
		}
	}
	return nil
}

// finalize keeps a pool until its last machine is gone.
func (s *session) finalize(ctx context.Context, p *v1alpha1.NodePool, d *decide.Decision) {
	has := false
	for _, f := range p.Finalizers {
		has = has || f == finalizer
	}
	switch {
	case p.DeletionTimestamp == nil && !has:
		s.logged(s.c.opts.API.setFinalizer(ctx, p, true))
	case p.DeletionTimestamp != nil && has:
		for _, v := range d.Nodes {
			if v.Pool == p.Name {
				return
			}
		}
		if k := s.byPool[p.Name]; k.worker == nil || k.worker.answered() {
			s.logged(s.c.opts.API.setFinalizer(ctx, p, false))
		}
	}
}

// countHeld counts, on each Brake, the actions that it has begun to hold.
func (s *session) countHeld(ctx context.Context, held []decide.Held, now time.Time) {
	fresh, last := map[string]int64{}, map[string]string{}
	told := make(map[decide.Held]bool, len(held))
	for _, h := range held {
		told[h] = true
		if !s.told[h] {
			fresh[h.Brake]++
			last[h.Brake] = h.Action
		}
	}
	s.told = told
	if len(fresh) == 0 {
		return
	}
	for _, b := range listOf[*v1alpha1.Brake](s.watches.brakes) {
		if n := fresh[b.Name]; n > 0 {
			s.logged(s.c.opts.API.recordHeld(ctx, b, n, last[b.Name], now))
		}
	}
}
