package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/contain"
	"github.com/bulkhead-k8s/bulkhead/internal/contain/enforce"
)

// applyAgain is how often it is looked whether there is something new to hold, as an
// autoscaler that came since.
const applyAgain = time.Minute

// sweep takes away what a process before this one may have left in the API server
// that no brake needs any more.
func (c *Controller) sweep(ctx context.Context) {
	for _, a := range contain.Actions {
		c.admitted[a] = enforce.ByAdmission(a)
	}
	c.dismiss(ctx)
	for a := range c.admitted {
		c.admitted[a] = false // what is needed is made again, and is there already
	}
}

// carryOut brings the cluster to what the brakes say.
func (c *Controller) carryOut(ctx context.Context) {
	for _, b := range c.Brakes() {
		if ctx.Err() != nil {
			return
		}
		try, cancel := context.WithTimeout(ctx, writeTime)
		if b.Holds(c.opts.Now()) {
			c.enforce(try, &b)
		} else {
			c.takeBack(try, &b)
		}
		cancel()
	}
	c.dismiss(ctx)
}

// enforce carries a brake out that holds.
func (c *Controller) enforce(ctx context.Context, b *v1alpha1.Brake) {
	now := c.opts.Now()
	if at, ok := c.applied[b.Name]; ok && now.Sub(at) < applyAgain {
		return
	}
	changes := len(b.Status.Undo)
	b.Finalizers = []string{v1alpha1.FinalizerUndo}
	if b.Labels[v1alpha1.LabelHolds] == "" && enforce.ByAdmission(b.Spec.Action) {
		labels := maps.Clone(b.Labels)
		if labels == nil {
			labels = map[string]string{}
		}
		labels[v1alpha1.LabelHolds] = string(b.Spec.Action)
		b.Labels = labels
	}
	var errs []error
	if a := b.Spec.Action; enforce.ByAdmission(a) && !c.admitted[a] {
		err := enforce.Admit(ctx, c.opts.Cluster, a)
		c.admitted[a] = err == nil
		errs = append(errs, err)
	}
	errs = append(errs, enforce.Apply(ctx, c.opts.Cluster, b, func(b *v1alpha1.Brake) error {
		c.keep(b)
		return c.opts.Store.Mark(ctx, b)
	}))
	err := errors.Join(errs...)
	was := apimeta.IsStatusConditionTrue(b.Status.Conditions, v1alpha1.ConditionEnforced)
	enforced := metav1.Condition{Type: v1alpha1.ConditionEnforced, Status: metav1.ConditionTrue, Reason: "InPlace", Message: "All that it takes in this cluster is in place.", LastTransitionTime: nowStamp(now)}
	if err != nil {
		enforced.Status, enforced.Reason, enforced.Message = metav1.ConditionFalse, "Failed", clip(err.Error())
		slog.Warn("a brake is not wholly carried out", "brake", b.Name, "err", err)
	} else {
		c.applied[b.Name] = now
	}
	for _, u := range b.Status.Undo[:len(b.Status.Undo)-changes] {
		c.record(now.UTC(), b, "change", b.Spec.Reason, fmt.Sprintf("%s %s: %s", u.Object.Kind, u.Object.Name, u.Done))
	}
	if apimeta.SetStatusCondition(&b.Status.Conditions, enforced) || !was {
		apimeta.RemoveStatusCondition(&b.Status.Conditions, v1alpha1.ConditionUndone)
		_ = c.mark(ctx, b) // it is tried again
	}
}

// takeBack undoes what a brake did that holds no more.
func (c *Controller) takeBack(ctx context.Context, b *v1alpha1.Brake) {
	delete(c.applied, b.Name)
	enforced := apimeta.FindStatusCondition(b.Status.Conditions, v1alpha1.ConditionEnforced)
	whole := b.Spec.Release != nil || ended(b, contain.ReasonMadeWorse)
	due := slices.ContainsFunc(b.Status.Undo, func(u v1alpha1.Undo) bool { return whole || !u.Stays })
	kept := guarded(b) && len(b.Status.Undo) == 0
	if b.Labels[v1alpha1.LabelHolds] == "" && enforced == nil && !due && !kept {
		return
	}
	now := c.opts.Now()
	before := slices.Clone(b.Status.Undo)
	err := enforce.TakeBack(ctx, c.opts.Cluster, b, whole)
	b.Labels = maps.Clone(b.Labels)
	delete(b.Labels, v1alpha1.LabelHolds)
	apimeta.RemoveStatusCondition(&b.Status.Conditions, v1alpha1.ConditionEnforced)
	undone := metav1.Condition{Type: v1alpha1.ConditionUndone, Status: metav1.ConditionTrue, Reason: "AsBefore", Message: "What it changed is as before, or as others made it since.", LastTransitionTime: nowStamp(now)}
	switch {
	case err != nil && b.DeletionTimestamp != nil && now.Sub(b.DeletionTimestamp.Time) > giveUp:
		c.abandon(ctx, b, err)
		before = nil
	case err != nil:
		undone.Status, undone.Reason, undone.Message = metav1.ConditionFalse, "Failed", clip(err.Error())
		slog.Warn("a brake is not wholly taken back", "brake", b.Name, "err", err)
	case len(b.Status.Undo) > 0:
		undone.Status, undone.Reason, undone.Message = metav1.ConditionFalse, "Stays", "What it brought back stays, until it is released: it would fail again."
	}
	for _, u := range before {
		if !slices.Contains(b.Status.Undo, u) {
			c.record(now.UTC(), b, "undo", b.Spec.Reason, fmt.Sprintf("%s %s: %s no more", u.Object.Kind, u.Object.Name, u.Done))
		}
	}
	if len(b.Status.Undo) == 0 {
		b.Finalizers = nil
	}
	apimeta.SetStatusCondition(&b.Status.Conditions, undone)
	if c.mark(ctx, b) != nil {
		b.Finalizers = []string{v1alpha1.FinalizerUndo} // so that it is tried again
		c.keep(b)
		return
	}
	if err == nil && b.Spec.RequestedBy != contain.Requester && b.Spec.Release != nil && b.Spec.Release.By == deletion {
		c.mu.Lock()
		delete(c.brakes, b.Name)
		c.mu.Unlock()
	}
}

// giveUp is how long the undoing of a brake that was deleted may fail: for ever would
// keep whoever waits for the deletion for ever, too.
const giveUp = 10 * time.Minute

// abandon tells loudly that something stays changed, and by what it can be brought
// back by hand.
func (c *Controller) abandon(ctx context.Context, b *v1alpha1.Brake, why error) {
	now := c.opts.Now().UTC()
	message := fmt.Sprintf("Brake %s was deleted, and taking back what it changed failed for %s: %v. Bring it back by hand:", b.Name, giveUp, why)
	for _, u := range b.Status.Undo {
		slog.Error("a brake is not taken back", "brake", b.Name, "object", u.Object, "patch", u.Patch, "err", why)
		message += fmt.Sprintf(" %s (%s): %s.", u.Object.Words(), u.Done, cmp.Or(u.Patch, "delete it"))
	}
	b.Status.Undo = nil
	c.record(now, b, "undo", "GivenUp", message)
	c.event(ctx, enforce.Event{About: b.Spec.Target, Brake: b.Name, Warning: true, Time: now, Reason: string(b.Spec.Action) + "Stays", Message: message})
}

// guarded says that a brake cannot go before it is taken back.
func guarded(b *v1alpha1.Brake) bool {
	return slices.Contains(b.Finalizers, v1alpha1.FinalizerUndo)
}

// ended says that a brake was ended for a reason.
func ended(b *v1alpha1.Brake, reason string) bool {
	h := apimeta.FindStatusCondition(b.Status.Conditions, v1alpha1.ConditionHolding)
	return h != nil && h.Status == metav1.ConditionFalse && h.Reason == reason
}

// keep remembers what is known of a brake's carrying out.
func (c *Controller) keep(b *v1alpha1.Brake) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.brakes[b.Name]; known != nil {
		copied := b.DeepCopy()
		known.Labels, known.Finalizers, known.Status.Undo, known.Status.Conditions = copied.Labels, copied.Finalizers, copied.Status.Undo, copied.Status.Conditions
	}
}

// mark keeps and writes it.
func (c *Controller) mark(ctx context.Context, b *v1alpha1.Brake) error {
	c.keep(b)
	if b.Spec.Release != nil && b.Spec.Release.By == deletion && b.DeletionTimestamp == nil && b.Spec.RequestedBy != contain.Requester {
		return nil // it is gone
	}
	err := c.opts.Store.Mark(ctx, b)
	if err != nil {
		slog.Warn("a brake was not written", "brake", b.Name, "err", err)
		delete(c.applied, b.Name)
	}
	return err
}

// dismiss takes the API server's policies away that no brake needs.
func (c *Controller) dismiss(ctx context.Context) {
	needed := map[v1alpha1.Action]bool{}
	for _, b := range c.Brakes() {
		if b.Holds(c.opts.Now()) {
			needed[b.Spec.Action] = true
		}
	}
	for a, there := range c.admitted {
		if !there || needed[a] {
			continue
		}
		try, cancel := context.WithTimeout(ctx, writeTime)
		if err := enforce.Dismiss(try, c.opts.Cluster, a); err != nil {
			slog.Warn("an admission policy stays that nobody needs", "action", a, "err", err)
		} else {
			c.admitted[a] = false
		}
		cancel()
	}
}

// deletion is who released a brake that was deleted.
const deletion = "its deletion"

func nowStamp(t time.Time) metav1.Time { return metav1.Time{Time: t.UTC().Truncate(time.Second)} }

// clip shortens a message, and cuts no letter in two.
func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), 1000)], "") }
