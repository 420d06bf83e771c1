package node

import (
	"context"
	"maps"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump"
)

// ownersPeriod is how often it is looked whose pods are here.
const ownersPeriod = 2 * time.Second

// coreOwners tells the handler of core dumps whose the pods here are, and what is left
// to workloads whose cores are held. A pod that crashes before that is told has a
// share of its own until then.
func (n *observer) coreOwners(ctx context.Context) error {
	var told coredump.Owners
	return every(ctx, ownersPeriod, func(time.Time) error {
		next := coredump.Owners{Pods: map[string]string{}, Bytes: n.CoreLimits()}
		for uid, w := range n.tracker.Workloads() {
			next.Pods[uid] = w.Kind + "/" + w.Namespace + "/" + w.Name
		}
		if told.Pods != nil && maps.Equal(told.Pods, next.Pods) && maps.Equal(told.Bytes, next.Bytes) {
			return nil
		}
		if err := coredump.SetOwners(n.CoreDir, next); err != nil {
			return err
		}
		told = next
		return nil
	})
}
