package daemon

import (
	"context"
	"fmt"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// waitForNode watches the node name, or any node if name is empty, and returns
// the first state of it that met accepts. It ends only with ctx.
func waitForNode(ctx context.Context, client kubernetes.Interface, name string, met func(*v1.Node) bool) (found *v1.Node, err error) {
	err = untilNode(ctx, client, name, func(event watch.Event) (bool, error) {
		node, ok := event.Object.(*v1.Node)
		found = node
		return ok && event.Type != watch.Deleted && met(node), nil
	}, nil)
	if err != nil {
		return nil, err
	}
	return found, nil
}

// untilNode watches the node name, or all if name is empty, until done says so, or
// before what is there once it was listed; nil asks nothing of that.
func untilNode(ctx context.Context, client kubernetes.Interface, name string, done watchtools.ConditionFunc, before watchtools.PreconditionFunc) error {
	selector := fields.Everything().String()
	if name != "" {
		selector = fields.OneTermEqualSelector("metadata.name", name).String()
	}
	nodes := client.CoreV1().Nodes()
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.FieldSelector = selector
			return nodes.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = selector
			return nodes.Watch(ctx, o)
		},
	}
	if _, err := watchtools.UntilWithSync(ctx, source, &v1.Node{}, before, done); err != nil {
		return fmt.Errorf("wait for node %s: %w", name, err)
	}
	return nil
}

// hasAddress says that the kubelet has registered the node.
func hasAddress(node *v1.Node) bool { return len(node.Status.Addresses) > 0 }

func hasPodCIDR(node *v1.Node) bool { return node.Spec.PodCIDR != "" }

// isReady says that pods can be scheduled to the node: it reports ready, and
// the taint that it had before is gone.
func isReady(node *v1.Node) bool { return readySince(time.Time{})(node) }

// readySince is isReady of a report since the time given: after a restart, what
// the API holds at first is what the kubelet of the last run has said.
func readySince(since time.Time) func(*v1.Node) bool {
	since = since.Truncate(time.Second) // as reports are
	return func(node *v1.Node) bool {
		reportsReady := slices.ContainsFunc(node.Status.Conditions, func(c v1.NodeCondition) bool {
			return c.Type == v1.NodeReady && c.Status == v1.ConditionTrue && !c.LastHeartbeatTime.Time.Before(since)
		})
		return reportsReady && !hasNotReadyTaint(node)
	}
}

func hasNotReadyTaint(node *v1.Node) bool {
	return slices.ContainsFunc(node.Spec.Taints, func(t v1.Taint) bool { return t.Key == v1.TaintNodeNotReady })
}
