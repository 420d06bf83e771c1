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
	nodes  []fwk.NodeInfo
	byName map[string]*framework.NodeInfo
	// The nodes with pods that the affinity plugin must look at.
	affine, antiAffine []fwk.NodeInfo
	claims             map[string]int // how many pods use a volume claim
	excluded           map[string]bool
	loaded             map[string]content
	done               []change
	stale              bool // the lists of affine nodes are to be made anew
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
	return &cluster{Snapshot: cache.NewEmptySnapshot(), byName: map[string]*framework.NodeInfo{}, claims: map[string]int{}, excluded: map[string]bool{}}
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
	before, loaded := c.byName, c.loaded
	c.nodes, c.stale = make([]fwk.NodeInfo, 0, len(nodes)+16), true
	c.byName, c.loaded = make(map[string]*framework.NodeInfo, len(nodes)), make(map[string]content, len(nodes))
	clear(c.claims)
	for _, node := range nodes {
		now := content{node, on[node.Name]}
		c.loaded[node.Name] = now
		if was, has := loaded[node.Name]; has && was.same(now) {
			c.byName[node.Name] = before[node.Name]
			c.nodes = append(c.nodes, before[node.Name])
		} else {
			c.put(node)
			for _, pod := range now.pods {
				if info, err := framework.NewPodInfo(pod); err == nil { // the API server lets no term pass that cannot be read
					c.byName[node.Name].AddPodInfo(info)
				}
			}
		}
		for _, pod := range now.pods {
			c.count(pod, 1)
		}
	}
}

// content is what a node was made of. Objects are never changed, so that the same
// pointer is the same state.
type content struct {
	node *corev1.Node
	pods []*corev1.Pod
}

func (c content) same(o content) bool { return c.node == o.node && slices.Equal(c.pods, o.pods) }

func (c *cluster) put(node *corev1.Node) {
	n := framework.NewNodeInfo()
	n.SetNode(node)
	c.byName[node.Name] = n
	c.nodes = append(c.nodes, n)
}

func (c *cluster) addNode(node *corev1.Node) {
	c.put(node)
	c.done = append(c.done, change{node: node.Name})
}

func (c *cluster) addPod(pod *framework.PodInfo, node string) {
	c.byName[node].AddPodInfo(pod)
	c.count(pod.Pod, 1)
	c.touched(pod)
	c.done = append(c.done, change{node: node, pod: pod})
}

func (c *cluster) takePod(pod *framework.PodInfo, node string) error {
	if err := c.byName[node].RemovePod(klog.Background(), pod.Pod); err != nil {
		return fmt.Errorf("take pod %s/%s from node %s: %w", pod.Pod.Namespace, pod.Pod.Name, node, err)
	}
	c.count(pod.Pod, -1)
	c.touched(pod)
	c.done = append(c.done, change{node: node, pod: pod, taken: true})
	return nil
}

func (c *cluster) revert(to int) {
	for len(c.done) > to {
		last := c.done[len(c.done)-1]
		c.done = c.done[:len(c.done)-1]
		n := c.byName[last.node]
		switch {
		case last.pod == nil:
			delete(c.byName, last.node)
			c.nodes = slices.DeleteFunc(c.nodes, func(i fwk.NodeInfo) bool { return i == fwk.NodeInfo(n) })
			continue
		case last.taken:
			n.AddPodInfo(last.pod)
			c.count(last.pod.Pod, 1)
		default:
			_ = n.RemovePod(klog.Background(), last.pod.Pod) // it is there: it was added
			c.count(last.pod.Pod, -1)
		}
		c.touched(last.pod)
	}
}

// touched makes the lists of affine nodes stale if the pod may be in one.
func (c *cluster) touched(pod *framework.PodInfo) {
	if a := pod.Pod.Spec.Affinity; a != nil && (a.PodAffinity != nil || a.PodAntiAffinity != nil) {
		c.stale = true
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

func (l nodeLister) List() ([]fwk.NodeInfo, error) { return l.c.nodes, nil }

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
	if n, ok := l.c.byName[name]; ok {
		return n, nil
	}
	return nil, fmt.Errorf("node %s is not in the simulation", name)
}
