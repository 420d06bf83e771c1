package nodeops

import (
	"context"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// AsNode makes a client of a node's own identity fit for draining that node. Such a
// client may ask for pods on the node only, and for one that is gone it is told
// "forbidden" and not "not found", which is what a drain waits for. So it looks for
// a pod among those on the node.
func AsNode(client kubernetes.Interface, node string) kubernetes.Interface {
	return asNode{client, node}
}

type asNode struct {
	kubernetes.Interface
	node string
}

func (c asNode) CoreV1() corev1.CoreV1Interface { return nodeCore{c.Interface.CoreV1(), c.node} }

type nodeCore struct {
	corev1.CoreV1Interface
	node string
}

func (c nodeCore) Pods(namespace string) corev1.PodInterface {
	return nodePods{c.CoreV1Interface.Pods(namespace), c.node}
}

type nodePods struct {
	corev1.PodInterface
	node string
}

func (p nodePods) Get(ctx context.Context, name string, _ metav1.GetOptions) (*v1.Pod, error) {
	list, err := p.List(ctx, metav1.ListOptions{FieldSelector: fields.AndSelectors(
		fields.OneTermEqualSelector("spec.nodeName", p.node), fields.OneTermEqualSelector("metadata.name", name),
	).String()})
	if err != nil {
		return nil, err
	}
	if len(list.Items) == 0 {
		return nil, apierrors.NewNotFound(v1.Resource("pods"), name)
	}
	return &list.Items[0], nil
}
