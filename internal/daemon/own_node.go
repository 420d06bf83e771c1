package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/apply"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/membership"
)

// The kubelet registers its Node once, and does not look whether it is deleted
// afterwards. What that means is decided here.

// endWhenRemoved ends an agent whose Node is deleted, in order: its pods, its
// membership, itself.
func (d *Daemon) endWhenRemoved(client kubernetes.Interface, member *membership.Member, uid types.UID) {
	d.work.Go("membership", func(ctx context.Context) error {
		if err := untilDeleted(ctx, client, d.config.NodeName, uid); ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
		slog.Warn("this node was removed from the cluster: its pods end, and then the daemon")
		go d.leave(member) // which waits for this tier to end
		<-ctx.Done()
		return nil
	})
}

// leave forgets the membership last: a daemon that does not get so far does it at
// its next start (refuseRemoved).
func (d *Daemon) leave(member *membership.Member) {
	ctx, cancel := context.WithTimeout(context.Background(), endPodsLimit)
	defer cancel()
	err := d.stopPods(ctx)
	if err == nil {
		err = member.Leave()
	}
	d.fail(errors.Join(errRemoved, err))
}

// untilDeleted returns nil once the Node with this UID is gone.
func untilDeleted(ctx context.Context, client kubernetes.Interface, name string, uid types.UID) error {
	return untilNode(ctx, client, name, func(event watch.Event) (bool, error) {
		node, ok := event.Object.(*v1.Node)
		return ok && (event.Type == watch.Deleted || node.UID != uid), nil
	}, func(nodes cache.Store) (bool, error) { return len(nodes.ListKeys()) == 0, nil })
}

// keepOwnNode makes the server's Node anew when somebody deletes it, before its pods
// are deleted with it: a cluster does not go on without its server.
func (d *Daemon) keepOwnNode(client kubernetes.Interface) {
	d.work.Go("own node", func(ctx context.Context) error {
		var last *v1.Node
		err := untilNode(ctx, client, d.config.NodeName, func(event watch.Event) (bool, error) {
			if node, ok := event.Object.(*v1.Node); ok && event.Type != watch.Deleted {
				last = node
			} else if last != nil {
				slog.Warn("the Node of this server was deleted: it is made anew", "node", last.Name)
				return false, apply.Retry(ctx, "this server's Node", func(ctx context.Context) error { return remake(ctx, client, last) })
			}
			return false, nil
		}, nil)
		if ctx.Err() != nil {
			return nil
		}
		return err
	})
}

// remake makes a Node as it was. Its status is the kubelet's, which goes on with it;
// with its range of addresses, the pods' stay right.
func remake(ctx context.Context, client kubernetes.Interface, was *v1.Node) error {
	node := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: was.Name, Labels: was.Labels, Annotations: was.Annotations},
		Spec:       was.Spec, Status: was.Status,
	}
	if _, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("make node %s anew: %w", was.Name, err)
	}
	return nil
}
