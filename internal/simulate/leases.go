package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
)

// slots is into how many parts a renewal interval is cut: each node's Lease is
// renewed in one of them, so that a thousand nodes are not one burst.
const slots = 10

// slotOf returns the slot of a node; few nodes share the first few slots, so
// that the others need not be woken for.
func slotOf(name string, nodes int) int {
	h := fnv.New32a()
	h.Write([]byte(name))
	return int(h.Sum32() % uint32(max(1, min(slots, nodes))))
}

// leaseSeconds is what kubelets ask for.
const leaseSeconds = 40

// manyNodes is from how many nodes on Leases are renewed half as often: they are
// most of what the API server has to write then, and the controller manager
// still sees two renewals before it takes a node for lost.
const manyNodes = 200

// renew keeps the Leases of the nodes that list returns, until ctx ends.
func renew(ctx context.Context, client kubernetes.Interface, interval time.Duration, list func() []*v1.Node) {
	renewAll(ctx, client, list())
	for slot := 0; ; slot++ {
		nodes := list()
		used := max(1, min(slots, len(nodes)))
		interval := interval
		if len(nodes) > manyNodes {
			interval *= 2
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval / time.Duration(used)):
		}
		var due []*v1.Node
		for _, node := range nodes {
			if slotOf(node.Name, len(nodes)) == slot%used {
				due = append(due, node)
			}
		}
		renewAll(ctx, client, due)
	}
}

func renewAll(ctx context.Context, client kubernetes.Interface, nodes []*v1.Node) {
	var group sync.WaitGroup
	defer group.Wait()
	// Bounds what the API server gets at once. Many at a time, because etcd
	// writes all that waits with one fsync.
	room := make(chan struct{}, 64)
	for _, node := range nodes {
		room <- struct{}{}
		group.Go(func() {
			defer func() { <-room }()
			if err := renewOne(ctx, client, node, time.Now()); err != nil && ctx.Err() == nil {
				klog.FromContext(ctx).Error(err, "A simulated node's Lease was not renewed; the next turn tries again")
			}
		})
	}
}

func renewOne(ctx context.Context, client kubernetes.Interface, node *v1.Node, now time.Time) error {
	leases := client.CoordinationV1().Leases(v1.NamespaceNodeLease)
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"renewTime": metav1.NewMicroTime(now)}})
	if err != nil {
		return err
	}
	_, err = leases.Patch(ctx, node.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		_, err = leases.Create(ctx, &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{
				Name:      node.Name,
				Namespace: v1.NamespaceNodeLease,
				// Goes with the node.
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}},
			},
			Spec: coordinationv1.LeaseSpec{
				HolderIdentity:       ptr.To(node.Name),
				LeaseDurationSeconds: ptr.To[int32](leaseSeconds),
				RenewTime:            ptr.To(metav1.NewMicroTime(now)),
			},
		}, metav1.CreateOptions{})
	}
	if err != nil {
		return fmt.Errorf("renew the Lease of node %s: %w", node.Name, err)
	}
	return nil
}
