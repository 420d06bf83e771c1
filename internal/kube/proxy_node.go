package kube

import (
	"context"
	"sync"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// keptNode is a client for which the one Node that it watches is not deleted: it
// stays as it was. Upstream's NodeManager ends the whole process when its Node is
// deleted (pkg/proxy/node.go), in the middle of what the kubelet and containerd do.
// What a deletion means here is the daemon's to say.
type keptNode struct {
	kubernetes.Interface
	last *lastNode
}

type lastNode struct {
	mu   sync.Mutex
	node *v1.Node
}

func (k keptNode) CoreV1() typedv1.CoreV1Interface { return keptCore{k.Interface.CoreV1(), k.last} }

// IsWatchListSemanticsUnSupported makes informers list and watch, not stream a list,
// in which a Node that is gone would be missing.
func (keptNode) IsWatchListSemanticsUnSupported() bool { return true }

type keptCore struct {
	typedv1.CoreV1Interface
	last *lastNode
}

func (k keptCore) Nodes() typedv1.NodeInterface { return keptNodes{k.CoreV1Interface.Nodes(), k.last} }

type keptNodes struct {
	typedv1.NodeInterface
	last *lastNode
}

func (k keptNodes) List(ctx context.Context, o metav1.ListOptions) (*v1.NodeList, error) {
	list, err := k.NodeInterface.List(ctx, o)
	if err != nil {
		return nil, err
	}
	if len(list.Items) == 0 {
		if node := k.last.get(); node != nil {
			list.Items = append(list.Items, *node)
		}
	}
	for i := range list.Items {
		k.last.set(&list.Items[i])
	}
	return list, nil
}

func (k keptNodes) Watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	w, err := k.NodeInterface.Watch(ctx, o)
	if err != nil {
		return nil, err
	}
	return watch.Filter(w, func(event watch.Event) (watch.Event, bool) {
		node, ok := event.Object.(*v1.Node)
		if !ok || event.Type == watch.Bookmark {
			return event, true
		}
		// One that comes back has no address before its kubelet says so, which
		// NodeManager would take for a change of it.
		if event.Type == watch.Deleted || len(node.Status.Addresses) == 0 && k.last.get() != nil {
			return event, false
		}
		k.last.set(node)
		return event, true
	}), nil
}

func (l *lastNode) get() *v1.Node {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.node
}

func (l *lastNode) set(node *v1.Node) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.node = node.DeepCopy()
}
