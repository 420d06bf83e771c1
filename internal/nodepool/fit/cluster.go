package fit

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// cluster is what the plugins see. Upstream's own snapshot can take no nodes once
// it is made; of it we have what we never change, the pod groups.
type cluster struct {
	*cache.Snapshot
	nodes  []fwk.NodeInfo // *framework.NodeInfo
	byName map[string]int // index in nodes
	// shown is, if not nil, what plugins that count pods see.
	shown  []fwk.NodeInfo
	kinds  kinds // nil until it is needed
	sorted map[string]*sorts
	// The nodes with pods that the affinity plugin must look at.
	affine, antiAffine []fwk.NodeInfo
	claims             map[string]int // how many pods use a volume claim
	excluded           map[string]bool
	loaded             map[string]content
	done               []change
	stale              bool // the lists of affine nodes are to be made anew
	// edits counts all changes; couplings those of pods that may keep others away.
	edits, couplings int
}

// change is what can be taken back.
type change struct {
	node string
	pod  *framework.PodInfo // nil: the node was added
	// taken says that the pod was taken away.
	taken bool
}

var _ fwk.SharedLister = (*cluster)(nil)

func newCluster() *cluster {
	return &cluster{Snapshot: cache.NewEmptySnapshot(), byName: map[string]int{}, sorted: map[string]*sorts{}, claims: map[string]int{}, excluded: map[string]bool{}}
}

// load makes the cluster what it is given. Nodes that are as they were, with the
// pods that they had, are kept: to count what 30,000 pods ask for takes half a
// second, and from one decision to the next few of them change.
func (c *cluster) load(nodes []*corev1.Node, pods []*corev1.Pod) {
	c.revert(0)
	clear(c.excluded)
	on := make(map[string][]*corev1.Pod, len(nodes))
	for _, pod := range pods {
		if pod.Spec.NodeName != "" {
			on[pod.Spec.NodeName] = append(on[pod.Spec.NodeName], pod)
		}
	}
	before, places, loaded := c.nodes, c.byName, c.loaded
	c.nodes, c.stale = make([]fwk.NodeInfo, 0, len(nodes)+16), true
	c.byName, c.loaded = make(map[string]int, len(nodes)), make(map[string]content, len(nodes))
	c.edits++
	c.couplings++
	clear(c.claims)
	clear(c.sorted)
	likes := examples{}
	for _, node := range nodes {
		now := content{node, on[node.Name]}
		c.loaded[node.Name] = now
		was, has := loaded[node.Name]
		if has && was.same(now) {
			c.put(before[places[node.Name]].(*framework.NodeInfo))
		} else {
			c.put(now.info(likes))
			c.recount(was, -1)
			c.recount(now, 1)
		}
		delete(loaded, node.Name)
		for _, pod := range now.pods {
			c.count(pod, 1)
		}
	}
	for _, gone := range loaded {
		c.recount(gone, -1)
	}
}

// recount corrects which kinds of pods a node has.
func (c *cluster) recount(on content, n int) {
	if c.kinds == nil {
		return
	}
	for _, pod := range on.pods {
		c.kinds.count(pod, on.node.Name, n)
	}
}

// content is what a node was made of. Objects are never changed, so that the same
// pointer is the same state.
type content struct {
	node *corev1.Node
	pods []*corev1.Pod
}

func (c content) same(o content) bool { return c.node == o.node && slices.Equal(c.pods, o.pods) }

// info is the node with its pods.
func (c content) info(likes examples) *framework.NodeInfo {
	n := framework.NewNodeInfo()
	n.SetNode(c.node)
	for _, pod := range c.pods {
		n.AddPodInfo(likes.info(pod))
	}
	return n
}

func (c *cluster) put(n *framework.NodeInfo) {
	c.byName[n.Node().Name] = len(c.nodes)
	c.nodes = append(c.nodes, n)
}

func (c *cluster) node(name string) (*framework.NodeInfo, bool) {
	i, has := c.byName[name]
	if !has {
		return nil, false
	}
	return c.nodes[i].(*framework.NodeInfo), true
}

func (c *cluster) addNode(node *corev1.Node) {
	c.put(content{node: node}.info(nil))
	c.edits++
	c.done = append(c.done, change{node: node.Name})
}

func (c *cluster) addPod(pod *framework.PodInfo, node string) error {
	n, has := c.node(node)
	if !has {
		return fmt.Errorf("node %s is not in the simulation", node)
	}
	n.AddPodInfo(pod)
	c.moved(pod, node, 1)
	c.done = append(c.done, change{node: node, pod: pod})
	return nil
}

func (c *cluster) takePod(pod *framework.PodInfo, node string) error {
	n, has := c.node(node)
	if !has {
		return fmt.Errorf("node %s is not in the simulation", node)
	}
	if err := n.RemovePod(klog.Background(), pod.Pod); err != nil {
		return fmt.Errorf("take pod %s/%s from node %s: %w", pod.Pod.Namespace, pod.Pod.Name, node, err)
	}
	c.moved(pod, node, -1)
	c.done = append(c.done, change{node: node, pod: pod, taken: true})
	return nil
}

// revert takes back all changes after the first so many, last first.
func (c *cluster) revert(to int) {
	for len(c.done) > to {
		last := c.done[len(c.done)-1]
		c.done = c.done[:len(c.done)-1]
		n, _ := c.node(last.node) // it is there: it was changed
		switch {
		case last.pod == nil: // nodes are added at the end
			delete(c.byName, last.node)
			c.nodes = c.nodes[:len(c.nodes)-1]
			for _, s := range c.sorted {
				s.cut(len(c.nodes))
			}
			c.edits++
		case last.taken:
			n.AddPodInfo(last.pod)
			c.moved(last.pod, last.node, 1)
		default:
			_ = n.RemovePod(klog.Background(), last.pod.Pod) // it is there: it was added
			c.moved(last.pod, last.node, -1)
		}
	}
}

// moved notes that a pod came to a node or left it.
func (c *cluster) moved(pod *framework.PodInfo, node string, n int) {
	c.edits++
	c.count(pod.Pod, n)
	if c.kinds != nil {
		c.kinds.count(pod.Pod, node, n)
	}
	if a := pod.Pod.Spec.Affinity; a != nil && (a.PodAffinity != nil || a.PodAntiAffinity != nil) {
		c.stale = true
	}
	if len(pod.GetRequiredAntiAffinityTerms()) > 0 {
		c.couplings++
	}
}

func (c *cluster) count(pod *corev1.Pod, n int) {
	for _, v := range pod.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			c.claims[pod.Namespace+"/"+v.PersistentVolumeClaim.ClaimName] += n
		}
	}
}

func (c *cluster) refresh() {
	if !c.stale {
		return
	}
	c.stale, c.affine, c.antiAffine = false, nil, nil
	for _, n := range c.nodes {
		if len(n.GetPodsWithAffinity()) > 0 {
			c.affine = append(c.affine, n)
		}
		if len(n.GetPodsWithRequiredAntiAffinity()) > 0 {
			c.antiAffine = append(c.antiAffine, n)
		}
	}
}

// NodeInfos is part of fwk.SharedLister.
func (c *cluster) NodeInfos() fwk.NodeInfoLister { return nodeLister{c} }

// StorageInfos is part of fwk.SharedLister.
func (c *cluster) StorageInfos() fwk.StorageInfoLister { return c }

// IsPVCUsedByPods is part of fwk.StorageInfoLister.
func (c *cluster) IsPVCUsedByPods(key string) bool { return c.claims[key] > 0 }

// nodeLister is apart from cluster, whose embedded snapshot has methods of these
// names.
type nodeLister struct{ c *cluster }

func (l nodeLister) List() ([]fwk.NodeInfo, error) {
	if l.c.shown != nil {
		return l.c.shown, nil
	}
	return l.c.nodes, nil
}

func (l nodeLister) HavePodsWithAffinityList() ([]fwk.NodeInfo, error) {
	l.c.refresh()
	return l.c.affine, nil
}

func (l nodeLister) HavePodsWithRequiredAntiAffinityList() ([]fwk.NodeInfo, error) {
	l.c.refresh()
	return l.c.antiAffine, nil
}

// HavePodsWithRequiredNonHostScopedAntiAffinityList gives more than it must: those
// whose terms are of single nodes are in it, too.
func (l nodeLister) HavePodsWithRequiredNonHostScopedAntiAffinityList() ([]fwk.NodeInfo, error) {
	l.c.refresh()
	return l.c.antiAffine, nil
}

func (l nodeLister) Get(name string) (fwk.NodeInfo, error) {
	if n, ok := l.c.node(name); ok {
		return n, nil
	}
	return nil, fmt.Errorf("node %s is not in the simulation", name)
}
