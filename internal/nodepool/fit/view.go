package fit

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// bare is a node without its pods, for plugins that count pods: where none of a
// node's can count, they need not look at each of them.
type bare struct{ *framework.NodeInfo }

// GetPods is part of fwk.NodeInfo.
func (bare) GetPods() []fwk.PodInfo { return nil }

// view is what plugins that count pods need to see: the nodes that have a pod which
// may count, and of the domains that there are, one bare node of each sort.
func (c *cluster) view(counts func(namespace string, l labels.Set) bool, keys []string) []fwk.NodeInfo {
	if c.kinds == nil { // most decisions need none
		c.kinds = kinds{}
		for _, n := range c.nodes {
			for _, p := range n.GetPods() {
				c.kinds.count(p.GetPod(), n.Node().Name, 1)
			}
		}
	}
	list, in := slices.Clone(c.sorts(keys)), make([]bool, len(c.nodes))
	for namespace, all := range c.kinds {
		for _, k := range all {
			if !counts(namespace, k.labels) {
				continue
			}
			for node := range k.nodes {
				if i := c.byName[node]; !in[i] { // it may have pods of several kinds
					in[i] = true
					list = append(list, c.nodes[i])
				}
			}
		}
	}
	return list
}

// sorts are nodes by the values of some labels, the first of each.
type sorts struct {
	looked int // how many nodes of the cluster it is made of
	seen   map[string]bool
	nodes  []fwk.NodeInfo
	// For each of nodes, its index in the cluster, and its values.
	at     []int
	values []string
}

// anyNode, for a label's key, makes each node a sort of its own.
const anyNode = ""

// sorts gives one bare node for each combination of values that the labels have.
func (c *cluster) sorts(keys []string) []fwk.NodeInfo {
	if len(keys) == 0 {
		return nil
	}
	name := strings.Join(keys, ",")
	s := c.sorted[name]
	if s == nil {
		s = &sorts{seen: map[string]bool{}}
		c.sorted[name] = s
	}
	for ; s.looked < len(c.nodes); s.looked++ {
		n := c.nodes[s.looked].(*framework.NodeInfo)
		v := valuesOf(n.Node(), keys)
		if !s.seen[v] {
			s.seen[v] = true
			s.nodes, s.at, s.values = append(s.nodes, bare{n}), append(s.at, s.looked), append(s.values, v)
		}
	}
	return s.nodes
}

// cut forgets the nodes after the first n.
func (s *sorts) cut(n int) {
	s.looked = min(s.looked, n)
	for last := len(s.at) - 1; last >= 0 && s.at[last] >= n; last-- {
		delete(s.seen, s.values[last])
		s.nodes, s.at, s.values = s.nodes[:last], s.at[:last], s.values[:last]
	}
}

func valuesOf(n *corev1.Node, keys []string) string {
	var b strings.Builder
	for _, key := range keys {
		if key == anyNode {
			b.WriteString(n.Name)
		}
		value, has := n.Labels[key]
		b.WriteString(value)
		if has {
			b.WriteByte(1)
		}
		b.WriteByte(0)
	}
	return b.String()
}

// decisive are the labels of nodes that decide which domains the pod's spread
// constraints know: their own keys, and those by which the pod chooses nodes.
func decisive(pod *corev1.Pod) []string {
	keys := map[string]bool{}
	for i := range pod.Spec.TopologySpreadConstraints {
		if c := &pod.Spec.TopologySpreadConstraints[i]; hard(c) {
			keys[c.TopologyKey] = true
			if c.NodeTaintsPolicy != nil && *c.NodeTaintsPolicy == corev1.NodeInclusionPolicyHonor {
				keys[anyNode] = true
			}
		}
	}
	if len(keys) == 0 { // for affinity, only pods count
		return nil
	}
	for key := range pod.Spec.NodeSelector {
		keys[key] = true
	}
	if a := pod.Spec.Affinity; a != nil && a.NodeAffinity != nil && a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		for _, term := range a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
			for _, e := range term.MatchExpressions {
				keys[e.Key] = true
			}
			if len(term.MatchFields) > 0 {
				keys[anyNode] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(keys))
}
