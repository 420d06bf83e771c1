package decide

import (
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// Template is an empty node of a pool as its spec describes it. Labels and taints of
// the spec are added to what a provider says.
func Template(name string, s v1alpha1.NodePoolSpec, said *corev1.Node) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{}}}
	if said != nil {
		n.Labels, n.Annotations = maps.Clone(said.Labels), maps.Clone(said.Annotations)
		n.Spec.Taints = append(n.Spec.Taints, said.Spec.Taints...)
		n.Status.Capacity, n.Status.Allocatable = said.Status.Capacity.DeepCopy(), said.Status.Allocatable.DeepCopy()
	}
	if n.Labels == nil {
		n.Labels = map[string]string{}
	}
	if said == nil || len(n.Status.Capacity) == 0 && len(n.Status.Allocatable) == 0 {
		n.Status.Capacity = s.Machine.Resources.DeepCopy()
		n.Labels[corev1.LabelArchStable] = s.Machine.Architecture
	}
	if len(n.Status.Allocatable) == 0 {
		n.Status.Allocatable = minus(n.Status.Capacity, s.Machine.Reserved)
	}
	if _, has := n.Status.Allocatable[corev1.ResourcePods]; !has {
		n.Status.Allocatable[corev1.ResourcePods] = *resource.NewQuantity(110, resource.DecimalSI) // the kubelet's default
	}
	if n.Labels[corev1.LabelOSStable] == "" {
		n.Labels[corev1.LabelOSStable] = "linux"
	}
	maps.Copy(n.Labels, s.Labels)
	n.Labels[v1alpha1.LabelNodePool] = name
	for _, t := range s.Taints {
		if !hasTaint(n.Spec.Taints, t) {
			n.Spec.Taints = append(n.Spec.Taints, t)
		}
	}
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	return n
}

func hasTaint(list []corev1.Taint, t corev1.Taint) bool {
	for _, l := range list {
		if l.MatchTaint(&t) {
			return true
		}
	}
	return false
}

// minus is a without b; less than nothing is nothing.
func minus(a, b corev1.ResourceList) corev1.ResourceList {
	out := corev1.ResourceList{}
	for name, q := range a {
		q = q.DeepCopy()
		if less, has := b[name]; has {
			q.Sub(less)
		}
		if q.Sign() < 0 {
			q = resource.Quantity{Format: q.Format}
		}
		out[name] = q
	}
	return out
}

// node is an empty node of the pool under a name: as foretold, less by what nodes
// were seen to lack.
func (p *pool) node(name string) *corev1.Node {
	n := p.Template.DeepCopy()
	n.Name, n.UID = name, types.UID(name)
	n.Labels[corev1.LabelHostname] = name
	n.Status.Allocatable = minus(n.Status.Allocatable, p.status.Shortfall)
	return n
}

// observed are the resources in which nodes come out smaller than foretold. Others,
// as those of devices, appear on a node later than it does.
var observed = []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage, corev1.ResourcePods}

// observe compares the Ready nodes with what was foretold. Without it, a pod that
// fits the machine that was foretold and not the one that comes buys one after the
// other (Karpenter for AWS #1905: 235 nodes in 12 hours).
func (p *pool) observe() {
	short := corev1.ResourceList{}
	any := false
	for _, m := range p.members {
		if m.node == nil || !ready(m.node) || m.state == isLost {
			continue
		}
		any = true
		for _, name := range observed {
			want, has := p.Template.Status.Allocatable[name]
			got, gives := m.node.Status.Allocatable[name]
			if !has || !gives || got.Cmp(want) >= 0 {
				continue
			}
			want = want.DeepCopy()
			want.Sub(got)
			if s, has := short[name]; !has || want.Cmp(s) > 0 {
				short[name] = want
			}
		}
	}
	switch {
	case !any: // what was seen last holds
	case len(short) == 0:
		p.status.Shortfall = nil
	default:
		p.status.Shortfall = short
	}
}

// daemons are the pods that DaemonSets put on every such node.
func daemons(sets []*appsv1.DaemonSet, node string) []*corev1.Pod {
	var list []*corev1.Pod
	for _, d := range sets {
		pod := &corev1.Pod{ObjectMeta: *d.Spec.Template.ObjectMeta.DeepCopy(), Spec: *d.Spec.Template.Spec.DeepCopy()}
		pod.Namespace, pod.Name = d.Namespace, d.Name+"-"+node
		pod.UID = types.UID(pod.Namespace + "/" + pod.Name)
		// What the DaemonSet controller adds; for the others of its tolerations our
		// nodes have no taints here.
		pod.Spec.Tolerations = append(pod.Spec.Tolerations,
			corev1.Toleration{Key: corev1.TaintNodeUnschedulable, Operator: corev1.TolerationOpExists},
			corev1.Toleration{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists})
		list = append(list, pod)
	}
	return list
}
