package decide

import (
	"encoding/json"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// The states of a pool's members.
const (
	isMaking   = "Making"   // asked for, no node yet
	isStarting = "Starting" // a node that was never Ready
	isReady    = "Ready"
	isSick     = "Sick"
	isDraining = "Draining"
	isDeleting = "Deleting"
	isFailed   = "Failed"
	isLost     = "Lost" // a node whose machine is gone
)

// member is a machine of a pool and its node, one of which may be missing.
type member struct {
	machine Machine
	node    *corev1.Node
	state   string
	mark    *Mark
	sick    *sickness
	pods    []*corev1.Pod
	why     string
}

func (m *member) name() string {
	if m.node != nil {
		return m.node.Name
	}
	if m.machine.Name != "" {
		return m.machine.Name
	}
	return m.machine.ID
}

// hold is why an action is not done.
type hold struct{ reason, message string }

// pool is a Pool while a decision is made.
type pool struct {
	Pool
	status  v1alpha1.NodePoolStatus
	memory  *Memory
	now     time.Time
	members []*member
	// held are the conditions that will be True. heldDown and heldRepair come of
	// verdicts on nodes.
	held map[string]hold
	// coming counts the nodes that this decision buys.
	coming int
}

func (p *pool) holds(condition, reason, message string) {
	if _, has := p.held[condition]; !has { // the first is the strongest
		p.held[condition] = hold{reason, message}
	}
}

// count is how many members are in one of the states.
func (p *pool) count(states ...string) int {
	n := 0
	for _, m := range p.members {
		if slices.Contains(states, m.state) {
			n++
		}
	}
	return n
}

// have is how many nodes the pool has or will have, without those that leave.
func (p *pool) have() int {
	n := p.coming
	for _, m := range p.members {
		switch m.state {
		case isMaking, isStarting, isReady, isSick:
			n++
		case isDraining:
			if m.mark.For == actRepair { // it is replaced once it is gone
				n++
			}
		}
	}
	return n
}

// gather finds the members: machines, and nodes that bear the pool's label.
func (p *pool) gather(s *State, nodes map[string]*corev1.Node, byID map[string]*corev1.Node, pods map[string][]*corev1.Pod) {
	taken := map[string]bool{}
	for _, machine := range p.Machines {
		m := &member{machine: machine, node: byID[machine.ID]}
		if m.node == nil {
			m.node = nodes[machine.Name]
		}
		if m.node != nil {
			taken[m.node.Name] = true
		}
		p.members = append(p.members, m)
	}
	for _, node := range s.Nodes {
		if node.Labels[v1alpha1.LabelNodePool] == p.Name && !taken[node.Name] {
			p.members = append(p.members, &member{node: node, machine: Machine{Name: node.Name, State: Running}})
		}
	}
	known := map[string]bool{}
	for _, machine := range p.Machines {
		known[machine.Name], known[machine.ID] = true, true
	}
	for _, m := range p.members {
		if m.node != nil {
			m.pods = pods[m.node.Name]
			m.mark = MarkOf(m.node)
			m.sick = p.sickness(m)
		}
		m.state = p.stateOf(m, known)
		if m.state == isReady && !p.memory.Seen[m.name()] {
			p.memory.Seen[m.name()] = true
			p.memory.Added[p.Name] = p.now
			p.status.Failures, p.status.NotBefore = 0, nil
		}
	}
}

func (p *pool) stateOf(m *member, known map[string]bool) string {
	switch {
	case m.machine.State == Deleting:
		return isDeleting
	case m.machine.State == Failed:
		return isFailed
	case m.node == nil && p.overdue(m):
		m.machine.Error = "it did not become a node within " + p.Spec.ScaleUp.ProvisionTimeout.Duration.String()
		return isFailed
	case m.node == nil:
		return isMaking
	case p.Listed && !known[m.node.Name] && !known[m.node.Spec.ProviderID] && !ready(m.node):
		return isLost
	case m.mark != nil:
		return isDraining
	case !ready(m.node) && !p.wasReady(m.node):
		return isStarting
	case m.sick != nil:
		return isSick
	}
	return isReady
}

// overdue says that a machine should be a Ready node by now.
func (p *pool) overdue(m *member) bool {
	asked := m.machine.Asked
	if asked.IsZero() && m.node != nil {
		asked = m.node.CreationTimestamp.Time
	}
	return !asked.IsZero() && p.now.Sub(asked) > p.Spec.ScaleUp.ProvisionTimeout.Duration
}

// wasReady says whether a node was ever Ready. After a restart that shows in a
// condition that changed long after the node was made.
func (p *pool) wasReady(node *corev1.Node) bool {
	if p.memory.Seen[node.Name] {
		return true
	}
	c := condition(node, corev1.NodeReady)
	return c != nil && c.LastTransitionTime.Sub(node.CreationTimestamp.Time) > time.Minute &&
		p.now.Sub(node.CreationTimestamp.Time) > p.Spec.ScaleUp.ProvisionTimeout.Duration
}

func condition(node *corev1.Node, kind corev1.NodeConditionType) *corev1.NodeCondition {
	for i := range node.Status.Conditions {
		if node.Status.Conditions[i].Type == kind {
			return &node.Status.Conditions[i]
		}
	}
	return nil
}

func ready(node *corev1.Node) bool {
	c := condition(node, corev1.NodeReady)
	return c != nil && c.Status == corev1.ConditionTrue
}

// MarkOf reads what a node that is being emptied bears; nil if it is not.
func MarkOf(node *corev1.Node) *Mark {
	text, ok := node.Annotations[v1alpha1.AnnotationDrain]
	if !ok {
		return nil
	}
	var m Mark
	if json.Unmarshal([]byte(text), &m) != nil { // somebody wrote it by hand
		return &Mark{For: actScaleDown, Why: text}
	}
	return &m
}

// summary sums up the pool for its status.
func (p *pool) summary() {
	p.status.Nodes = int32(len(p.members) - p.count(isLost, isFailed))
	p.status.Ready = 0
	for _, m := range p.members {
		if m.node != nil && ready(m.node) {
			p.status.Ready++
		}
	}
	p.status.Making = int32(p.count(isMaking))
	p.conditions()
}

// conditions brings the status's conditions to what is held.
func (p *pool) conditions() {
	set := func(kind string, is bool, reason, message string) {
		c := metav1.Condition{Type: kind, Status: metav1.ConditionFalse, Reason: reason, Message: message, LastTransitionTime: metav1.NewTime(p.now)}
		if is {
			c.Status = metav1.ConditionTrue
		}
		i := slices.IndexFunc(p.status.Conditions, func(c metav1.Condition) bool { return c.Type == kind })
		if i < 0 {
			p.status.Conditions = append(p.status.Conditions, c)
			return
		}
		if p.status.Conditions[i].Status == c.Status {
			c.LastTransitionTime = p.status.Conditions[i].LastTransitionTime
		}
		p.status.Conditions[i] = c
	}
	for _, kind := range []string{v1alpha1.ConditionScaleUpHeld, v1alpha1.ConditionScaleDownHeld, v1alpha1.ConditionRepairHeld} {
		h, is := p.held[kind]
		if !is {
			h = hold{"NotHeld", ""}
		}
		set(kind, is, h.reason, h.message)
	}
	switch {
	case p.Trouble != "":
		set(v1alpha1.ConditionProviderAnswers, false, "Trouble", p.Trouble)
	case p.Listed:
		set(v1alpha1.ConditionProviderAnswers, true, "Answers", "")
	}
}
