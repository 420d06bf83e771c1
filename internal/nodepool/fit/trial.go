package fit

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/component-helpers/resource"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// Trial is one pod, or several that are alike, that look for a node. What the plugins
// find out once per pod (their state) is made when it is asked for, and serves as long
// as it would come out the same.
type Trial struct {
	s     *Scheduler
	pod   *corev1.Pod
	info  *framework.PodInfo
	state *framework.CycleState // nil: to be made
	// refused is why no node can take the pod, whatever the node; allowed are, if
	// not nil, the only ones that can.
	refused string
	allowed map[string]bool

	milliCPU, memory, storage int64
	// spread: the pod has hard spread constraints. coupled: where it fits depends on
	// other pods, of which counts says which may count, and keys which nodes.
	spread, coupled bool
	counts          func(namespace string, l labels.Set) bool
	keys            []string
	// anew: one more pod like it changes the state in a way that the plugins do not
	// follow.
	anew bool
	// What the cluster was when the state was made, but for the pods that Place
	// added; all of them went to one node.
	edits, couplings int
	node             string
}

// Try begins a trial.
func (s *Scheduler) Try(pod *corev1.Pod) (*Trial, error) {
	t := &Trial{s: s}
	if err := t.Next(pod); err != nil {
		return nil, err
	}
	pod = t.pod
	r := resource.PodRequests(pod, resource.PodResourcesOptions{})
	t.milliCPU, t.memory, t.storage = r.Cpu().MilliValue(), r.Memory().Value(), r.StorageEphemeral().Value()
	for i := range pod.Spec.TopologySpreadConstraints {
		if c := &pod.Spec.TopologySpreadConstraints[i]; hard(c) {
			t.spread = true
			// PreFilter counts no pod for an empty selector, AddPod counts each.
			t.anew = t.anew || c.LabelSelector != nil && len(c.LabelSelector.MatchLabels)+len(c.LabelSelector.MatchExpressions) == 0
		}
	}
	for i := range pod.Spec.Volumes { // one that only one pod may have is free at first
		t.anew = t.anew || pod.Spec.Volumes[i].PersistentVolumeClaim != nil
	}
	t.coupled = t.spread || len(t.info.GetRequiredAffinityTerms())+len(t.info.GetRequiredAntiAffinityTerms()) > 0
	if t.coupled {
		var err error
		if t.counts, err = countable(pod, t.info); err != nil {
			return nil, err
		}
		t.keys = decisive(pod)
	}
	return t, nil
}

// Next makes another pod the trial's, which must differ from the one before in its
// name and UID only.
func (t *Trial) Next(pod *corev1.Pod) error {
	if pod.Spec.NodeName != "" { // one that is to move
		pod = pod.DeepCopy()
		pod.Spec.NodeName = ""
	}
	info, err := framework.NewPodInfo(pod)
	if err != nil {
		return fmt.Errorf("read the affinity of pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	t.pod, t.info = pod, info
	return nil
}

// Coupled says that where the pod fits depends on where others are.
func (t *Trial) Coupled() bool { return t.coupled }

// prepare runs what the plugins do once per pod, unless what they found holds.
func (t *Trial) prepare() {
	c := t.s.cluster
	if t.state != nil && t.couplings == c.couplings && (!t.coupled || t.edits == c.edits) {
		return
	}
	if t.coupled {
		c.shown = c.view(t.counts, t.keys)
		defer func() { c.shown = nil }()
	}
	t.state, t.refused, t.allowed = framework.NewCycleState(), "", nil
	t.edits, t.couplings, t.node = c.edits, c.couplings, ""
	result, status, _ := t.s.framework.RunPreFilterPlugins(t.s.ctx, t.state, t.pod)
	if !status.IsSuccess() {
		t.refused = status.Message()
		return
	}
	if !result.AllNodes() {
		t.allowed = map[string]bool{}
		for name := range result.NodeNames {
			t.allowed[name] = true
		}
	}
}

// Fits says whether a node can take the pod, and if not, why.
func (t *Trial) Fits(node string) (why string, ok bool) {
	t.prepare()
	switch {
	case t.refused != "":
		return t.refused, false
	case t.allowed != nil && !t.allowed[node]:
		return "the pod names other nodes", false
	}
	n, found := t.s.cluster.node(node)
	if !found {
		return "there is no such node", false
	}
	status := t.s.framework.RunFilterPlugins(t.s.ctx, t.state, t.pod, n)
	if status.IsSuccess() {
		return "", true
	}
	return status.Message(), false
}

// hopeless says without the plugins that a node has no room. It is what makes a
// thousand pods on a thousand full nodes quick.
func (t *Trial) hopeless(n *framework.NodeInfo) bool {
	has, used := n.GetAllocatable(), n.GetRequested()
	return len(n.Pods)+1 > has.GetAllowedPodNumber() ||
		t.milliCPU > 0 && t.milliCPU > has.GetMilliCPU()-used.GetMilliCPU() ||
		t.memory > 0 && t.memory > has.GetMemory()-used.GetMemory() ||
		t.storage > 0 && t.storage > has.GetEphemeralStorage()-used.GetEphemeralStorage()
}

// First finds the first of the nodes from index from on that can take the pod; -1 if
// there is none.
func (t *Trial) First(from int) (index int, node string) {
	prepared := false
	for i := from; i < len(t.s.cluster.nodes); i++ {
		n := t.s.cluster.nodes[i].(*framework.NodeInfo)
		if t.hopeless(n) || t.s.cluster.excluded[n.Node().Name] {
			continue
		}
		if !prepared { // where no node has room, nothing is to be found out
			t.prepare()
			if t.refused != "" {
				return -1, ""
			}
			prepared = true
		}
		if (t.allowed == nil || t.allowed[n.Node().Name]) && t.s.framework.RunFilterPlugins(t.s.ctx, t.state, t.pod, n).IsSuccess() {
			return i, n.Node().Name
		}
	}
	return -1, ""
}

// Place puts the pod on a node; Next follows before the trial is asked again.
func (t *Trial) Place(node string) error {
	c := t.s.cluster
	known := t.state != nil && t.couplings == c.couplings && t.edits == c.edits
	if err := c.addPod(t.info, node); err != nil {
		return fmt.Errorf("place pod %s/%s: %w", t.pod.Namespace, t.pod.Name, err)
	}
	switch {
	case t.anew:
		t.state = nil
	case !t.coupled: // none of its kind keeps another away
	case !known, t.spread && t.node != "" && t.node != node:
		// The spread plugin follows pods that come to one node, as preemption needs
		// it (it tracks the two emptiest domains).
		t.state = nil
	default:
		n, _ := c.node(node) // it is there: the pod is on it
		if status := t.s.framework.RunPreFilterExtensionAddPod(t.s.ctx, t.state, t.pod, t.info, n); !status.IsSuccess() {
			return fmt.Errorf("place pod %s/%s on node %s: %w", t.pod.Namespace, t.pod.Name, node, status.AsError())
		}
		t.node = node
		t.edits, t.couplings = c.edits, c.couplings
	}
	return nil
}

// Take removes a pod from the node that it is on.
func (s *Scheduler) Take(pod *corev1.Pod) error {
	info, err := framework.NewPodInfo(pod)
	if err != nil {
		return fmt.Errorf("read the affinity of pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return s.cluster.takePod(info, pod.Spec.NodeName)
}
