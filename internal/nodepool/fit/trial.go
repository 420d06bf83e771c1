package fit

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// Trial is one pod, or several that are alike, that look for a node.
type Trial struct {
	s     *Scheduler
	pod   *corev1.Pod
	info  *framework.PodInfo
	state *framework.CycleState
	// refused is why no node can take the pod, whatever the node; allowed are, if
	// not nil, the only ones that can.
	refused string
	allowed map[string]bool

	milliCPU, memory, storage int64
	// coupled: where the pod fits depends on other pods. spread: it has constraints
	// whose state upstream keeps right for a few pods only, as preemption needs it
	// (of three zones it tracks the two emptiest), so that it is made anew each time.
	coupled, spread bool
	nodes           int // how many there were when the state was made
}

// Try begins a trial.
func (s *Scheduler) Try(pod *corev1.Pod) (*Trial, error) {
	t := &Trial{s: s}
	return t, t.Next(pod)
}

// Next makes another pod the trial's, which must differ from the one before in its
// name and UID only.
func (t *Trial) Next(pod *corev1.Pod) error {
	first := t.pod == nil
	if pod.Spec.NodeName != "" { // one that is to move
		pod = pod.DeepCopy()
		pod.Spec.NodeName = ""
	}
	info, err := framework.NewPodInfo(pod)
	if err != nil {
		return fmt.Errorf("read the affinity of pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	t.pod, t.info = pod, info
	if first {
		r := resource.PodRequests(pod, resource.PodResourcesOptions{})
		t.milliCPU, t.memory, t.storage = r.Cpu().MilliValue(), r.Memory().Value(), r.StorageEphemeral().Value()
		a := pod.Spec.Affinity
		t.spread = len(pod.Spec.TopologySpreadConstraints) > 0
		t.coupled = t.spread || a != nil && (a.PodAffinity != nil || a.PodAntiAffinity != nil)
		t.prepare()
	} else if t.spread || t.coupled && t.nodes != len(t.s.cluster.nodes) {
		t.prepare()
	}
	return nil
}

// Coupled says that where the pod fits depends on where others are.
func (t *Trial) Coupled() bool { return t.coupled }

// prepare runs what the plugins do once per pod.
func (t *Trial) prepare() {
	t.state, t.refused, t.allowed, t.nodes = framework.NewCycleState(), "", nil, len(t.s.cluster.nodes)
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
	switch {
	case t.refused != "":
		return t.refused, false
	case t.allowed != nil && !t.allowed[node]:
		return "the pod names other nodes", false
	}
	n, found := t.s.cluster.byName[node]
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
	if t.refused != "" {
		return -1, ""
	}
	for i := from; i < len(t.s.cluster.nodes); i++ {
		n := t.s.cluster.nodes[i].(*framework.NodeInfo)
		if t.hopeless(n) || t.s.cluster.excluded[n.Node().Name] || t.allowed != nil && !t.allowed[n.Node().Name] {
			continue
		}
		if t.s.framework.RunFilterPlugins(t.s.ctx, t.state, t.pod, n).IsSuccess() {
			return i, n.Node().Name
		}
	}
	return -1, ""
}

// Place puts the pod on a node; Next follows before the trial is asked again.
func (t *Trial) Place(node string) error {
	t.s.cluster.addPod(t.info, node)
	if !t.coupled || t.spread {
		return nil
	}
	status := t.s.framework.RunPreFilterExtensionAddPod(t.s.ctx, t.state, t.pod, t.info, t.s.cluster.byName[node])
	if !status.IsSuccess() {
		return fmt.Errorf("place pod %s/%s on node %s: %w", t.pod.Namespace, t.pod.Name, node, status.AsError())
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
