package decide

import (
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// decider is one decision while it is made.
type decider struct {
	s         *State
	out       Decision
	memory    *Memory
	pools     []*pool
	byNode    map[string]*member
	brakes    *brakes
	budgets   budgets
	workloads map[v1alpha1.ObjectRef]*workload
	// loaded says that the simulation is the cluster; upcoming are nodes in it that
	// are not there yet.
	loaded     bool
	upcoming   map[string]bool
	correlated map[time.Duration]int
}

// Decide says what is to happen now.
func Decide(s State) Decision {
	d := &decider{s: &s, memory: s.Memory.clone(), byNode: map[string]*member{}, budgets: newBudgets(s.Budgets), correlated: map[time.Duration]int{}}
	d.brakes = newBrakes(d.s)
	d.gather()
	for _, p := range d.pools {
		p.observe()
		p.judge(d.workloads)
		d.refused(p)
		p.forget()
	}
	// What goes is decided before what comes, so that no node is bought to take the
	// pods of one that is given back in the same breath.
	for _, p := range d.pools {
		d.goOn(p)
		d.repair(p)
		d.replenish(p)
	}
	d.scaleUp()
	for _, p := range d.pools {
		d.scaleDown(p)
		p.summary()
	}
	return d.finish()
}

// gather makes the pools' views.
func (d *decider) gather() {
	nodes, byID := make(map[string]*corev1.Node, len(d.s.Nodes)), map[string]*corev1.Node{}
	for _, n := range d.s.Nodes {
		nodes[n.Name] = n
		if n.Spec.ProviderID != "" {
			byID[n.Spec.ProviderID] = n
		}
	}
	pods := map[string][]*corev1.Pod{}
	for _, pod := range d.s.Pods {
		if pod.Spec.NodeName != "" {
			pods[pod.Spec.NodeName] = append(pods[pod.Spec.NodeName], pod)
		}
	}
	wanted := map[v1alpha1.ObjectRef]bool{}
	for i := range d.s.Pools {
		p := &pool{Pool: d.s.Pools[i], memory: d.memory, now: d.s.Now, held: map[string]hold{}}
		p.Spec = Complete(p.Spec)
		p.status = *p.Status.DeepCopy()
		if p.Template == nil {
			p.Template = Template(p.Name, p.Spec, nil)
		}
		p.gather(d.s, nodes, byID, pods)
		for _, m := range p.members {
			if m.node != nil {
				d.byNode[m.node.Name] = m
			}
		}
		for j := range p.status.Attempts {
			wanted[p.status.Attempts[j].Owner] = true
		}
		d.pools = append(d.pools, p)
	}
	slices.SortFunc(d.pools, func(a, b *pool) int { return compare(a.Name, b.Name) })
	d.workloads = workloads(d.s, wanted)
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (d *decider) advise(mode v1alpha1.Mode, format string, args ...any) {
	if mode == v1alpha1.ModeAdvise {
		d.out.Advice = append(d.out.Advice, fmt.Sprintf(format, args...))
	}
}

func (d *decider) verdict(pod *corev1.Pod, owner v1alpha1.ObjectRef, verdict string, why ...string) {
	d.out.Pods = append(d.out.Pods, PodVerdict{Namespace: pod.Namespace, Name: pod.Name, Owner: owner, Verdict: verdict, Why: why})
}

// explain says of the pods of a group that have no place why.
func (d *decider) explain(g *group) {
	if !g.open() {
		return
	}
	verdict, why := g.verdict, g.why
	for _, r := range g.refusals {
		why = append(why, "pool "+r.p.Name+": "+r.message)
		if r.reason != NoPoolFits {
			verdict = HeldBack
			r.p.holds(v1alpha1.ConditionScaleUpHeld, r.reason, r.message)
		}
	}
	switch {
	case verdict == "" && len(d.pools) == 0:
		verdict, why = Waits, []string{"there is no node pool"}
	case verdict == "":
		verdict = NoPoolFits
	}
	for _, pod := range g.pods[g.placed:] {
		d.verdict(pod, g.owner, verdict, why...)
	}
}

func (d *decider) finish() Decision {
	d.out.Held = d.brakes.list()
	d.out.Statuses = map[string]v1alpha1.NodePoolStatus{}
	alive := map[string]bool{}
	for _, p := range d.pools {
		d.out.Statuses[p.Name] = p.status
		for _, m := range p.members {
			alive[m.name()] = true
			v := NodeVerdict{Pool: p.Name, Node: m.name(), State: m.state, Why: m.why}
			if v.Why == "" && m.state == isFailed {
				v.Why = m.machine.Error
			}
			d.out.Nodes = append(d.out.Nodes, v)
		}
	}
	gone := func(name string) bool { return !alive[name] }
	for _, m := range []map[string]time.Time{d.memory.Unneeded, d.memory.Checked} {
		maps.DeleteFunc(m, func(name string, _ time.Time) bool { return gone(name) })
	}
	maps.DeleteFunc(d.memory.Why, func(name, _ string) bool { return gone(name) })
	maps.DeleteFunc(d.memory.Seen, func(name string, _ bool) bool { return gone(name) })
	maps.DeleteFunc(d.memory.Handled, func(_ string, t time.Time) bool { return d.s.Now.Sub(t) > 24*time.Hour })
	d.out.Memory = *d.memory
	return d.out
}

// clone copies what a decision changes.
func (m Memory) clone() *Memory {
	m.Unneeded, m.Why, m.Checked, m.Seen, m.Handled = copyOf(m.Unneeded), copyOf(m.Why), copyOf(m.Checked), copyOf(m.Seen), copyOf(m.Handled)
	m.Added, m.Stopped = copyOf(m.Added), copyOf(m.Stopped)
	recent := make(map[string][]time.Time, len(m.Recent))
	for k, v := range m.Recent {
		recent[k] = slices.Clone(v)
	}
	m.Recent = recent
	return &m
}

func copyOf[V any](m map[string]V) map[string]V {
	c := make(map[string]V, len(m))
	maps.Copy(c, m)
	return c
}

// clock is a time of day. What goes into a status has times and not durations, so
// that it does not change with each look.
func clock(t time.Time) string { return t.UTC().Format("15:04:05 MST") }
