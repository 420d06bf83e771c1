package daemon

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/contain/store"
)

// coreLimits are what Brakes leave to workloads' core dumps on each node. Every node
// looks for itself, so that a hold reaches all that the workload comes to.
type coreLimits struct {
	mu     sync.Mutex
	brakes map[string]*v1alpha1.Brake
}

// watchCoreLimits keeps them until ctx ends.
func watchCoreLimits(ctx context.Context, access *rest.Config) *coreLimits {
	l := &coreLimits{brakes: map[string]*v1alpha1.Brake{}}
	config := rest.CopyConfig(access)
	config.UserAgent = "bulkhead-cores"
	brakes, err := store.New(config)
	if err != nil {
		slog.Error("brakes on core dumps are not heeded", "err", err)
		return l
	}
	go brakes.WatchBrakes(ctx, store.Changes[v1alpha1.Brake]{Put: l.put, Delete: l.delete, Synced: func() {}})
	return l
}

func (l *coreLimits) put(b *v1alpha1.Brake) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b.Spec.Action != v1alpha1.ActionDiskUse || b.Spec.CoreBytes <= 0 {
		delete(l.brakes, b.Name)
		return
	}
	l.brakes[b.Name] = b
}

func (l *coreLimits) delete(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.brakes, name)
}

// bytes are the limits now, by workload as Deployment/shop/web.
func (l *coreLimits) bytes() map[string]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	var out map[string]int64
	for _, b := range l.brakes {
		if !b.Holds(now) {
			continue
		}
		if out == nil {
			out = map[string]int64{}
		}
		t := b.Spec.Target
		key := t.Kind + "/" + t.Namespace + "/" + t.Name
		if old, ok := out[key]; !ok || b.Spec.CoreBytes < old {
			out[key] = b.Spec.CoreBytes
		}
	}
	return out
}
