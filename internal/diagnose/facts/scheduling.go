package facts

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
)

// obstacle is a way of the scheduler to say why a node does not do.
type obstacle struct {
	id   string
	expr *lazyregexp.Regexp
	text string
}

// obstacles are in the order in which they are told; a message names several, one
// for each group of nodes.
var obstacles = []obstacle{
	{"AntiAffinityConflict", lazyregexp.New(`didn't (?:match pod anti-affinity rules|satisfy existing pods anti-affinity rules)`), "its anti-affinity forbids every node that has one of its own kind already"},
	{"AffinityUnsatisfied", lazyregexp.New(`didn't match pod affinity rules`), "it wants to be beside pods that are on no node that fits"},
	{"TopologySpreadUnsatisfied", lazyregexp.New(`didn't match pod topology spread constraints`), "its topology spread constraints leave no node"},
	{"HostPortTaken", lazyregexp.New(`didn't have free ports`), "the host port that it asks for is taken on every node"},
	{"NodeSelectorMismatch", lazyregexp.New(`didn't match (?:Pod's )?node (?:affinity/selector|selector|affinity)`), "no node has the labels that it asks for"},
	{"VolumeNodeConflict", lazyregexp.New(`had volume node affinity conflict`), "its volume is tied to nodes or a zone where it cannot run"},
	{"VolumeUnbound", lazyregexp.New(`unbound immediate PersistentVolumeClaims|didn't find available persistent volumes to bind`), "its PersistentVolumeClaim has no volume"},
	{"ClaimMissing", lazyregexp.New(`persistentvolumeclaim "([^"]+)" (?:not found|is being deleted)`), "its PersistentVolumeClaim %s does not exist"},
	{"InsufficientCPU", lazyregexp.New(`Insufficient cpu`), "it asks for more CPU than any node has left"},
	{"InsufficientMemory", lazyregexp.New(`Insufficient memory`), "it asks for more memory than any node has left"},
	{"InsufficientResource", lazyregexp.New(`Insufficient (ephemeral-storage|hugepages-\S+|[\w.-]+/[\w.-]+)`), "it asks for more %s than any node has left"},
	{"TooManyPods", lazyregexp.New(`Too many pods`), "the nodes have all the pods that they may have"},
	{"TaintNotTolerated", lazyregexp.New(`had untolerated taints? (\{[^}]*\})|had taint (\{[^}]*\}), that the pod didn't tolerate|had untolerated taint\(s\)`), "it does not tolerate the taint of the nodes that would do"},
	{"OnlyCordonedNodesFit", lazyregexp.New(`were? unschedulable`), "the node that would do is cordoned"},
}

// builtinTaints are those that Kubernetes itself puts on nodes.
var builtinTaints = lazyregexp.New(`node-role\.kubernetes\.io/|node\.kubernetes\.io/`)

// illTaints are those of them that say that something is wrong with the node.
var illTaints = lazyregexp.New(`node\.kubernetes\.io/(?:not-ready|unreachable|(?:memory|disk|pid)-pressure|network-unavailable)`)

var taintsIn = lazyregexp.New(`taints? (\{[^}]*\})`)

// scheduling finds why pods are on no node.
func scheduling(m *model.Model, emit func(Fact)) {
	for _, w := range m.Workloads() {
		var first *model.Pod
		var waiting []*model.Pod
		for _, p := range w.Pods {
			if !p.Placed() && !p.Ended() && p.DeletionTimestamp == nil && p.Status.Phase == corev1.PodPending {
				waiting = append(waiting, p)
				if first == nil {
					first = p
				}
			}
		}
		for _, p := range waiting {
			message, e := unschedulable(m, p)
			if message == "" {
				continue
			}
			unscheduled(m, w, p, message, e, emit)
		}
		if first == nil {
			stale(m, w, emit)
		}
	}
}

// stale tells of pods that could not be placed for a while and were then.
func stale(m *model.Model, w *model.Workload, emit func(Fact)) {
	for _, p := range w.Pods {
		for _, e := range m.Events(p.Key) {
			if e.Reason != "FailedScheduling" {
				continue
			}
			for _, o := range obstacles {
				if o.expr.MatchString(e.Message) {
					emit(Fact{ID: o.id, Object: w.Key, Since: e.First, Until: e.Last, Gone: "its pod was given a node since", Message: "for a while, " + o.text,
						Evidence: []Evidence{evidence("event", "FailedScheduling: "+e.Message, e.Last)}})
					break
				}
			}
		}
	}
}

// unschedulable is the scheduler's last word on a pod.
func unschedulable(m *model.Model, p *model.Pod) (string, Evidence) {
	events := slices.Clone(m.Events(p.Key))
	slices.SortStableFunc(events, func(a, b *model.Event) int { return b.Last.Compare(a.Last) })
	for _, e := range events {
		if e.Reason == "FailedScheduling" && strings.Contains(e.Message, "nodes are available") {
			return e.Message, evidence("event", "FailedScheduling: "+e.Message, e.First)
		}
	}
	for _, e := range events {
		if e.Reason == "FailedScheduling" {
			return e.Message, evidence("event", "FailedScheduling: "+e.Message, e.First)
		}
	}
	if c := p.Condition(corev1.PodScheduled); c != nil && c.Status == corev1.ConditionFalse && c.Message != "" {
		return c.Message, evidence("state", "condition PodScheduled: "+c.Message, c.LastTransitionTime.Time)
	}
	return "", Evidence{}
}

func unscheduled(m *model.Model, w *model.Workload, p *model.Pod, message string, e Evidence, emit func(Fact)) {
	message, _, _ = strings.Cut(message, " preemption:")
	for _, o := range obstacles {
		g := o.expr.FindStringSubmatch(message)
		if g == nil {
			continue
		}
		f := Fact{ID: o.id, Object: w.Key, Still: true, Since: since(p), Pods: []model.Key{p.Key}, Evidence: []Evidence{e}, Strength: 0.9}
		named := ""
		for _, s := range g[1:] {
			if s != "" {
				named = s
			}
		}
		f.Message = strings.Replace(o.text, "%s", named, 1)
		spec := p.Spec.PodSpec
		if s := w.Spec(); s != nil && len(spec.NodeSelector) == 0 {
			spec = s
		}
		switch o.id {
		case "NodeSelectorMismatch":
			selector(m, spec, p.Shown() || w.Object.Shown(), &f)
		case "TaintNotTolerated":
			taint(m, message, &f)
		case "OnlyCordonedNodesFit":
			cordoned(m, spec, &f)
		case "ClaimMissing":
			f.About = []model.Key{{Kind: model.KindPVC, Namespace: p.Key.Namespace, Name: named}}
		}
		emit(f)
	}
}

// selector tells affinity from selector, and which label no node has.
func selector(m *model.Model, spec *corev1.PodSpec, shown bool, f *Fact) {
	var wanted []string
	for k, v := range spec.NodeSelector {
		wanted = append(wanted, k+"="+v)
	}
	slices.Sort(wanted)
	if len(wanted) == 0 && !shown {
		f.Message = "no node has the labels that it asks for, by its node selector or its node affinity"
		return
	}
	if len(wanted) == 0 {
		f.Message = "no node has the labels that its node affinity asks for"
		f.ID = "NodeAffinityMismatch"
		if spec.Affinity != nil && spec.Affinity.NodeAffinity != nil {
			f.Evidence = append(f.Evidence, evidence("state", "it has a required node affinity", f.Since))
		}
		return
	}
	f.Message = "no node that takes pods has the labels of its node selector: " + strings.Join(wanted, ", ")
	has := func(n *corev1.Node) bool { return model.Matches(spec.NodeSelector, n.Labels) }
	if nodes := m.Nodes(); len(nodes) > 0 && !slices.ContainsFunc(nodes, has) {
		f.Strength = 0.97
		f.Evidence = append(f.Evidence, evidence("state", fmt.Sprintf("none of the %d nodes has %s", len(nodes), strings.Join(wanted, ", ")), m.Now))
	}
}

// taint tells taints that people set from those that say that a node is ill.
func taint(m *model.Model, message string, f *Fact) {
	var people, ill []string
	sort := func(t string) {
		switch {
		case !builtinTaints.MatchString(t):
			people = append(people, t)
		case illTaints.MatchString(t):
			ill = append(ill, t)
		}
	}
	all := taintsIn.FindAllStringSubmatch(message, -1)
	for _, t := range all {
		sort(t[1])
	}
	for _, n := range m.Nodes() {
		for _, t := range n.Spec.Taints {
			if t.Effect == corev1.TaintEffectPreferNoSchedule {
				continue
			}
			if len(all) == 0 { // as the scheduler of 1.37 says it
				sort("{" + t.Key + ": " + t.Value + "}")
			}
			if slices.ContainsFunc(append(people, ill...), func(s string) bool { return strings.Contains(s, t.Key) }) {
				f.About = append(f.About, model.Key{Kind: model.KindNode, Name: n.Name})
			}
		}
	}
	slices.Sort(people)
	people = slices.Compact(people)
	switch {
	case len(people) > 0:
		f.Strength = 0.95
		f.Message = "it does not tolerate the taint " + strings.Join(people, ", ") + " of the nodes that would do"
	case len(ill) > 0:
		f.ID, f.Strength = "OnlyIllNodesLeft", 0.8
		f.Message = "the nodes that would do are ill: they have the taint " + strings.Trim(ill[0], "{: }")
	default:
		f.Strength = 0.35
	}
}

// cordoned is strong only if a cordoned node would do: others are the rule on
// control plane nodes.
func cordoned(m *model.Model, spec *corev1.PodSpec, f *Fact) {
	f.Strength = 0.3
	for _, n := range m.Nodes() {
		if !n.Spec.Unschedulable {
			continue
		}
		key := model.Key{Kind: model.KindNode, Name: n.Name}
		if len(spec.NodeSelector) > 0 && model.Matches(spec.NodeSelector, n.Labels) {
			f.Strength = 0.97
			f.About = append(f.About, key)
			f.Message = "the node that its node selector asks for, " + n.Name + ", is cordoned"
			f.Evidence = append(f.Evidence, evidence("state", "node "+n.Name+" is cordoned (SchedulingDisabled)", m.Now))
			continue
		}
		if len(spec.NodeSelector) == 0 && !controlPlane(n) {
			f.Strength = max(f.Strength, 0.6)
			f.About = append(f.About, key)
			f.Message = "nodes that would do are cordoned: " + n.Name
			f.Evidence = append(f.Evidence, evidence("state", "node "+n.Name+" is cordoned (SchedulingDisabled)", m.Now))
		}
	}
}

func controlPlane(n *corev1.Node) bool {
	for k, v := range n.Labels {
		if k == "node-role.kubernetes.io/control-plane" || k == "node-role.kubernetes.io/master" || k == "kubernetes.io/role" && v == "master" {
			return true
		}
	}
	return false
}
