package decide

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/fit"
)

// scaleUp finds which pools have to grow for the pods that find no room.
func (d *decider) scaleUp() {
	var waiting []*corev1.Pod
	for _, pod := range d.s.Pods {
		if _, is := unschedulable(pod); is && priority(pod) >= expendable {
			waiting = append(waiting, pod)
		}
	}
	if len(waiting) == 0 {
		return
	}
	list := groups(waiting, d.s.Owner)
	d.load()
	for _, g := range list {
		d.placeOnPresent(g)
	}
	for d.growOnce(list) {
		for _, g := range list { // a zone that grew may let further pods into others
			if g.open() {
				d.placeOnPresent(g)
			}
		}
	}
	for _, g := range list {
		d.explain(g)
	}
}

// load makes the simulation the cluster as it will be: with the nodes that are on
// their way, without those that leave.
func (d *decider) load() {
	nodes := make([]*corev1.Node, 0, len(d.s.Nodes))
	for _, n := range d.s.Nodes {
		if m := d.byNode[n.Name]; m == nil || m.state == isReady || m.state == isSick {
			nodes = append(nodes, n)
		}
	}
	d.s.Fit.Load(nodes, d.s.Pods)
	d.loaded, d.upcoming = true, map[string]bool{}
	for _, p := range d.pools {
		for _, m := range p.members {
			if m.state == isMaking || m.state == isStarting && !p.overdue(m) {
				d.addUpcoming(p, m.name())
			}
		}
	}
	for _, b := range d.out.Buy { // what was bought in this decision to bring pools to their sizes
		for _, name := range b.Names {
			d.addUpcoming(d.pool(b.Pool), name)
		}
	}
}

func (d *decider) pool(name string) *pool {
	for _, p := range d.pools {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// addUpcoming puts an empty node of the pool into the simulation.
func (d *decider) addUpcoming(p *pool, name string) {
	node := p.node(name)
	d.s.Fit.AddNode(node)
	d.upcoming[name] = true
	for _, pod := range daemons(d.s.DaemonSets, name) {
		if t, err := d.s.Fit.Try(pod); err == nil {
			if _, fits := t.Fits(name); fits {
				_ = t.Place(name) // the node is there
			}
		}
	}
}

// placeOnPresent puts pods where there is room already, or soon.
func (d *decider) placeOnPresent(g *group) {
	t, err := d.s.Fit.Try(g.pods[g.placed])
	if err != nil {
		g.verdict, g.why = NoPoolFits, []string{err.Error()}
		g.placed = len(g.pods)
		return
	}
	from := 0
	for start := g.placed; g.open(); {
		if g.placed > start && t.Next(g.pods[g.placed]) != nil {
			return
		}
		i, node := t.First(from)
		if i < 0 {
			return
		}
		if t.Place(node) != nil {
			return
		}
		pod := g.pods[g.placed]
		if d.upcoming[node] {
			d.verdict(pod, g.owner, NodeComes, "node "+node+" is on its way")
		} else {
			d.verdict(pod, g.owner, FitsNow, "node "+node+" has room: the scheduler will see")
		}
		g.placed++
		if !t.Coupled() {
			from = i // alike: what was full for one is full for the next
		}
	}
}

// option is a way to grow one pool.
type option struct {
	p      *pool
	nodes  int
	owners map[v1alpha1.ObjectRef]int // for whom how many of the nodes are
	pods   int
	waste  float64
	mark   fit.Mark
}

// growOnce chooses the best option and takes it; false: there is none.
func (d *decider) growOnce(list []*group) bool {
	var options []option
	for _, g := range list {
		g.refusals = nil
	}
	for _, p := range d.pools {
		if o := d.pack(p, list, false); o.nodes > 0 {
			options = append(options, o)
		}
	}
	if len(options) == 0 {
		return false
	}
	best := choose(options)
	d.pack(best.p, list, true)
	return true
}

// pack fills new nodes of a pool with pods that have no place. Unless it is to keep
// them, it leaves the simulation and the groups as they were.
func (d *decider) pack(p *pool, list []*group, keep bool) option {
	o := option{p: p, owners: map[v1alpha1.ObjectRef]int{}, mark: d.s.Fit.Mark()}
	limit, why := d.headroom(p)
	first := len(d.s.Fit.Nodes())
	var names []string
	placed := make([]int, len(list))
	for i, g := range list {
		placed[i] = g.placed
	}
	for _, g := range list {
		if !g.open() {
			continue
		}
		budget, h := d.allowed(p, g)
		if h.reason != "" {
			p.refuse(g, h)
			continue
		}
		d.packGroup(p, g, &o, &names, first, budget, limit, why)
	}
	o.nodes = len(names)
	o.waste = d.waste(p, names)
	if keep && o.nodes > 0 {
		d.commit(p, o, names, list, placed)
		return o
	}
	d.s.Fit.Revert(o.mark)
	for _, n := range names {
		delete(d.upcoming, n)
	}
	for i, g := range list {
		g.placed = placed[i]
	}
	return o
}

// packGroup puts the pods of a group on the nodes that are new, and on further ones.
func (d *decider) packGroup(p *pool, g *group, o *option, names *[]string, first, budget, limit int, why string) {
	t, err := d.s.Fit.Try(g.pods[g.placed])
	if err != nil {
		return
	}
	from := first
	for start := g.placed; g.open(); g.placed++ {
		if g.placed > start && t.Next(g.pods[g.placed]) != nil {
			return
		}
		i, node := t.First(from)
		if i < 0 {
			switch {
			case len(*names) >= limit:
				p.refuse(g, hold{"Limit", why})
				return
			case o.owners[g.owner] >= budget:
				p.refuse(g, hold{"OwnerBudget", fmt.Sprintf("%s has used up its budget of nodes in an hour", refText(g.owner))})
				return
			}
			node = d.s.Name(p.Name, d.memory.Next+len(*names))
			before := d.s.Fit.Mark()
			d.addUpcoming(p, node)
			if no, fits := t.Fits(node); !fits {
				d.s.Fit.Revert(before)
				delete(d.upcoming, node)
				p.refuse(g, hold{NoPoolFits, no})
				return
			}
			*names = append(*names, node)
			o.owners[g.owner]++
			i = first + len(*names) - 1
		}
		if t.Place(node) != nil {
			return
		}
		o.pods++
		if !t.Coupled() {
			from = i
		}
	}
}

// refuse notes why a pool takes no more of a group.
func (p *pool) refuse(g *group, h hold) { g.refusals = append(g.refusals, refusal{p, h}) }

// headroom is how many nodes a pool may grow by now, and what bounds it.
func (d *decider) headroom(p *pool) (int, string) {
	switch {
	case p.Ending:
		return 0, "it is being deleted"
	case !p.Listed:
		return 0, "its provider does not answer: " + p.Trouble
	case p.Spec.Nodes != nil:
		return 0, fmt.Sprintf("its size is fixed at %d", *p.Spec.Nodes)
	case p.status.NotBefore != nil && d.s.Now.Before(p.status.NotBefore.Time):
		return 0, fmt.Sprintf("its provider made no machines (%s); again at %s", p.Refused, clock(p.status.NotBefore.Time))
	}
	n := int(p.Spec.Max) - p.have()
	why := fmt.Sprintf("it has %d nodes, which is its max", p.Spec.Max)
	if n < 0 {
		n = 0
	}
	if m, reason := p.room(actScaleUp, p.Spec.ScaleUp.Limits, int(p.Spec.Max), p.count(isMaking, isStarting)+p.coming); m < n {
		n, why = m, reason
	}
	return n, why
}

// allowed says whether a pool may grow for a group, and by how many nodes.
func (d *decider) allowed(p *pool, g *group) (int, hold) {
	if since, _ := unschedulable(g.pods[g.placed]); d.s.Now.Sub(since.Time) < p.Spec.ScaleUp.PodDelay.Duration {
		return 0, hold{"PodDelay", "its pods have not waited for " + p.Spec.ScaleUp.PodDelay.Duration.String() + " yet"}
	}
	targets := append(ofOwner(g.owner), v1alpha1.ObjectRef{Kind: "NodePool", Name: p.Name})
	if k := d.brakes.hold(p, v1alpha1.ActionScaleUp, "buy nodes of pool "+p.Name+" for "+refText(g.owner), targets...); k != nil {
		return 0, hold{"Brake", reason(k)}
	}
	return d.mayBuy(p, g.owner)
}

// waste is which share of cpu and memory stays unused on new nodes.
func (d *decider) waste(p *pool, names []string) float64 {
	var cpu, mem, usedCPU, usedMem int64
	for _, n := range names {
		c, m := d.s.Fit.Requested(n)
		usedCPU, usedMem = usedCPU+c, usedMem+m
	}
	if len(names) == 0 {
		return 1
	}
	a := p.node("").Status.Allocatable
	cpu, mem = a.Cpu().MilliValue()*int64(len(names)), a.Memory().Value()*int64(len(names))
	if cpu == 0 || mem == 0 {
		return 1
	}
	return (float64(cpu-usedCPU)/float64(cpu) + float64(mem-usedMem)/float64(mem)) / 2
}

// choose picks an option: the highest priority, then as the expander of the first
// pool by name says.
func choose(options []option) option {
	top := options[0].p.Spec.Priority
	for _, o := range options {
		top = max(top, o.p.Spec.Priority)
	}
	options = slices.DeleteFunc(options, func(o option) bool { return o.p.Spec.Priority != top })
	slices.SortStableFunc(options, func(a, b option) int { return strings.Compare(a.p.Name, b.p.Name) })
	switch options[0].p.Spec.ScaleUp.Expander {
	case v1alpha1.ExpanderRandom:
		return options[rand.IntN(len(options))] //nolint:gosec // nothing is kept secret by it
	case v1alpha1.ExpanderMostPods:
		return slices.MinFunc(options, func(a, b option) int { return cmp.Compare(b.pods, a.pods) })
	case v1alpha1.ExpanderLeastWaste:
		return slices.MinFunc(options, func(a, b option) int { return cmp.Compare(a.waste, b.waste) })
	}
	return options[0] // Priority, and the first by name
}

// commit makes an option a purchase.
func (d *decider) commit(p *pool, o option, names []string, list []*group, placed []int) {
	for i, g := range list {
		for _, pod := range g.pods[placed[i]:g.placed] {
			d.verdict(pod, g.owner, NodeComes, "pool "+p.Name+" grows by "+fmt.Sprint(len(names)))
		}
	}
	d.memory.Next += len(names)
	for owner, n := range o.owners {
		if p.Spec.ScaleUp.Mode == v1alpha1.ModeAct {
			p.record(owner, names, n)
		}
	}
	var owners []string
	for owner := range o.owners {
		owners = append(owners, refText(owner))
	}
	slices.Sort(owners)
	whose := strings.Join(first(owners, 3), ", ")
	if o.pods == 1 {
		d.buy(p, names, "a pod of "+whose+" finds no room")
		return
	}
	d.buy(p, names, fmt.Sprintf("%d pods of %s find no room", o.pods, whose))
}

func first[T any](list []T, n int) []T { return list[:min(n, len(list))] }
