package fit

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// kinds finds the nodes whose pods a selector may take without a look at each pod:
// the pods of a namespace that have the same labels are one kind. By namespace, and
// by the labels as text.
type kinds map[string]map[string]*kind

type kind struct {
	labels labels.Set
	nodes  map[string]int // how many pods of the kind each node has; never 0
}

// count notes that a node has n pods more that are as this one.
func (k kinds) count(pod *corev1.Pod, node string, n int) {
	all := k[pod.Namespace]
	if all == nil {
		all = map[string]*kind{}
		k[pod.Namespace] = all
	}
	text := labels.Set(pod.Labels).String()
	one := all[text]
	if one == nil {
		one = &kind{labels: pod.Labels, nodes: map[string]int{}}
		all[text] = one
	}
	one.nodes[node] += n
	if one.nodes[node] == 0 {
		delete(one.nodes, node)
	}
	if len(one.nodes) == 0 {
		delete(all, text)
	}
}

// countable says which pods may count for whether pod fits: those that the selectors of
// its hard spread constraints and of its affinity take. It may say so of more pods
// than the plugins count, and never of fewer.
func countable(pod *corev1.Pod, info *framework.PodInfo) (func(namespace string, l labels.Set) bool, error) {
	var spread []labels.Selector
	for i := range pod.Spec.TopologySpreadConstraints {
		if c := &pod.Spec.TopologySpreadConstraints[i]; hard(c) {
			s, err := metav1.LabelSelectorAsSelector(c.LabelSelector) // matchLabelKeys would only take fewer
			if err != nil {
				return nil, fmt.Errorf("read the spread constraints of pod %s/%s: %w", pod.Namespace, pod.Name, err)
			}
			spread = append(spread, s)
		}
	}
	terms := append(append([]fwk.AffinityTerm{}, info.GetRequiredAffinityTerms()...), info.GetRequiredAntiAffinityTerms()...)
	return func(namespace string, l labels.Set) bool {
		if namespace == pod.Namespace {
			for _, s := range spread {
				if s.Matches(l) {
					return true
				}
			}
		}
		for i := range terms {
			t := &terms[i]
			_, selects := t.NamespaceSelector.Requirements() // any namespace may be selected
			if (selects || t.Namespaces.Has(namespace)) && t.Selector.Matches(l) {
				return true
			}
		}
		return false
	}, nil
}

// hard says that a constraint decides where a pod fits, and not only what is better.
func hard(c *corev1.TopologySpreadConstraint) bool {
	return c.WhenUnsatisfiable == corev1.DoNotSchedule
}
