package facts

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
)

// nodes finds nodes that are not well, and why.
func nodes(m *model.Model, emit func(Fact)) {
	for _, n := range m.Nodes() {
		key := model.Key{Kind: model.KindNode, Name: n.Name}
		events := m.Events(key)
		for _, c := range n.Status.Conditions {
			nodeCondition(m, key, n, c, emit)
		}
		if n.Spec.Unschedulable && !controlPlane(n) {
			emit(Fact{ID: "NodeCordoned", Object: key, Still: true, Strength: 0.9, Message: "the node takes no new pods (cordoned)",
				Evidence: []Evidence{evidence("state", "spec.unschedulable is true", m.Now)}})
		}
		for _, e := range events {
			nodeEvent(m, key, n, e, emit)
		}
	}
}

func readyStatus(n *corev1.Node) (corev1.ConditionStatus, *corev1.NodeCondition) {
	for i := range n.Status.Conditions {
		if n.Status.Conditions[i].Type == corev1.NodeReady {
			return n.Status.Conditions[i].Status, &n.Status.Conditions[i]
		}
	}
	return "", nil
}

func nodeCondition(m *model.Model, key model.Key, n *corev1.Node, c corev1.NodeCondition, emit func(Fact)) {
	f := Fact{Object: key, Still: true, Since: c.LastTransitionTime.Time, Strength: 0.95,
		Evidence: []Evidence{evidence("state", fmt.Sprintf("condition %s is %s: %s %s", c.Type, c.Status, c.Reason, c.Message), c.LastTransitionTime.Time)}}
	say := func(id, text string) { f.ID, f.Message = id, text; emit(f) }
	pressure := c.Status == corev1.ConditionTrue
	switch c.Type {
	case corev1.NodeReady:
		if c.Status == corev1.ConditionTrue {
			return
		}
		low := strings.ToLower(c.Message)
		say("NodeNotReady", "the node is not ready: "+clip(c.Message, 140))
		switch {
		case strings.Contains(low, "stopped posting") || c.Status == corev1.ConditionUnknown:
			f.Strength = 0.9
			say("KubeletDown", "its kubelet reports nothing any more: the kubelet or the whole machine is down, or cannot reach the API server")
		case strings.Contains(low, "container runtime") && !strings.Contains(low, "network"):
			say("RuntimeDown", "its container runtime does not answer")
		case strings.Contains(low, "network plugin") || strings.Contains(low, "cni"):
			say("CNIDown", "its pod network is not set up: "+clip(c.Message, 140))
		case strings.Contains(low, "pleg"):
			say("RuntimeSlow", "its container runtime is too slow (PLEG is not healthy)")
		}
	case corev1.NodeMemoryPressure:
		if pressure {
			say("NodeMemoryPressure", "the node is short of memory and evicts pods")
		}
	case corev1.NodeDiskPressure:
		if pressure {
			say("NodeDiskPressure", "the node is short of disk space and evicts pods")
		}
	case corev1.NodePIDPressure:
		if pressure {
			say("NodePIDPressure", "the node is short of process numbers")
		}
	case corev1.NodeNetworkUnavailable:
		if pressure {
			say("NodeNetworkDown", "the node's network is not set up")
		}
	case "KernelDeadlock": // of the node problem detector, as the next
		if pressure {
			say("KernelDeadlock", "the node's kernel hangs: "+clip(c.Message, 140))
		}
	case "NTPProblem":
		if pressure {
			say("NodeClockSkew", "the node's clock is wrong: "+clip(c.Message, 140))
		}
	}
}

var nodeEvents = []struct {
	id      string
	reason  string
	expr    *lazyregexp.Regexp
	text    string
	whenBad bool // counts only while the node is not ready
}{
	{"RuntimeDown", "", lazyregexp.New(`(?i)(?:containerd|crio|docker|cri)\S*\.sock.*(?:no such file|connection refused)|container runtime is down`), "its container runtime does not answer", false},
	{"NodeOutOfMemory", "SystemOOM", nil, "the node's memory ran out and the kernel killed processes", false},
	{"NodeDiskPressure", "EvictionThresholdMet", lazyregexp.New(`(?i)ephemeral|disk|storage|inodes`), "the node is short of disk space", false},
	{"NodeMemoryPressure", "EvictionThresholdMet", lazyregexp.New(`(?i)memory`), "the node is short of memory", false},
	{"ImageGCFails", "ImageGCFailed", nil, "the node cannot free disk space from images", true},
	{"NodeRebooted", "Rebooted", nil, "the node was rebooted", true},
	{"KernelDeadlock", "KernelDeadlock", nil, "the node's kernel hangs", false},
	{"KernelDeadlock", "", lazyregexp.New(`^task \S+ blocked for more than \d+ seconds`), "the node's kernel hangs", false},
	{"NodeClockSkew", "", lazyregexp.New(`(?i)clock skew|NTP|time is not synchronized`), "the node's clock is wrong", false},
	{"ConntrackFull", "", lazyregexp.New(`nf_conntrack: table full`), "the node's connection table is full: packets are dropped", false},
}

func nodeEvent(m *model.Model, key model.Key, n *corev1.Node, e *model.Event, emit func(Fact)) {
	status, _ := readyStatus(n)
	for _, r := range nodeEvents {
		if r.reason != "" && r.reason != e.Reason || r.expr != nil && !r.expr.MatchString(e.Message) || !e.Warning && r.id != "NodeRebooted" {
			continue
		}
		f := Fact{ID: r.id, Object: key, Since: e.First, Strength: 0.9, Message: r.text,
			Evidence: []Evidence{evidence("event", e.Reason+": "+e.Message, e.Last)}}
		f.Still = status == corev1.ConditionFalse || status == corev1.ConditionUnknown ||
			!r.whenBad && m.Now.Sub(e.Last) < 90*time.Second
		if r.id == "NodeRebooted" && !f.Still && m.Now.Sub(e.Last) < time.Hour {
			f.Still, f.Quiet = true, true // what ran there came back without what it had in memory
		}
		if !f.Still {
			f.Gone, f.Until = "the node is ready, and it did not come again", e.Last
		}
		emit(f)
		return
	}
}
