package contain

import (
	"maps"
	"slices"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// Memory is where failing workloads have been: pods go, and what they left behind
// must still be told. Its zero value remembers nothing.
type Memory struct {
	trails map[v1alpha1.ObjectRef]*trail
	// called is when evidence last called for each brake, by its name.
	called map[string]time.Time
	// moved is when a neighbour was last moved off a brake's compartment.
	moved map[string]time.Time
}

// trail is where one workload was, and how it ended there.
type trail struct {
	visits map[string]*visit
	ends   []mark
	last   time.Time // when it was last looked at
}

// visit is a stay on a node.
type visit struct {
	from time.Time
	// firstEnd is the first time that a container of it ended badly there, or its
	// pod was thrown out.
	firstEnd time.Time
}

// mark is a bad end that was seen, of a pod of a revision.
type mark struct {
	pod, revision, node string
	Exit
}

// maxMarks is how many ends of one workload are kept: enough for every question.
const maxMarks = 1000

// follow is the memory with what is seen of a workload now.
func (m Memory) follow(w *Workload, now time.Time, window time.Duration) (Memory, *trail) {
	t := &trail{visits: map[string]*visit{}, last: now}
	if old := m.trails[w.Ref]; old != nil {
		for n, v := range old.visits {
			copied := *v
			t.visits[n] = &copied
		}
		t.ends = slices.Clone(old.ends)
	}
	type id struct {
		pod string
		at  int64
	}
	known := make(map[id]bool, len(t.ends))
	for _, e := range t.ends {
		known[id{e.pod, e.Time.Unix()}] = true
	}
	for _, p := range w.Pods {
		t.visit(p)
		for _, e := range p.Ends {
			if k := (id{p.Name, e.Time.Unix()}); !known[k] {
				known[k] = true
				t.ends = append(t.ends, mark{p.Name, p.Revision, p.Node, e})
			}
		}
	}
	t.ends = slices.DeleteFunc(t.ends, func(e mark) bool { return now.Sub(e.Time) > window })
	slices.SortStableFunc(t.ends, func(a, b mark) int { return a.Time.Compare(b.Time) })
	if n := len(t.ends); n > maxMarks {
		t.ends = slices.Delete(t.ends, 0, n-maxMarks)
	}
	m.trails = maps.Clone(m.trails)
	if m.trails == nil {
		m.trails = map[v1alpha1.ObjectRef]*trail{}
	}
	m.trails[w.Ref] = t
	return m, t
}

// visit notes a pod's stay.
func (t *trail) visit(p *Pod) {
	if p.Node == "" {
		return
	}
	v := t.visits[p.Node]
	if v == nil {
		v = &visit{from: p.Since}
		t.visits[p.Node] = v
	}
	v.from = earliest(v.from, p.Since)
	for _, e := range p.Ends {
		v.firstEnd = earliest(v.firstEnd, e.Time)
	}
	if p.Failed && p.FailedReason == evicted {
		v.firstEnd = earliest(v.firstEnd, p.Since)
	}
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// forget drops what nobody has asked about for long. What it returns shares nothing
// that changes with m.
func (m Memory) forget(now time.Time, after time.Duration) Memory {
	next := Memory{maps.Clone(m.trails), maps.Clone(m.called), maps.Clone(m.moved)}
	maps.DeleteFunc(next.trails, func(_ v1alpha1.ObjectRef, t *trail) bool { return now.Sub(t.last) > after })
	for _, times := range []*map[string]time.Time{&next.called, &next.moved} {
		maps.DeleteFunc(*times, func(_ string, at time.Time) bool { return now.Sub(at) > after })
		if *times == nil {
			*times = map[string]time.Time{}
		}
	}
	return next
}

// reached are the nodes that it came to and that are still there, sorted.
func (t *trail) reached(v *View) []string {
	var out []string
	for n := range t.visits {
		if v.Nodes[n] != nil {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

const (
	// slack is by how much two clocks that are known to the second may differ.
	slack = 2 * time.Second
	// soon is within how long after a container's end a node must fall ill for the
	// one to have to do with the other.
	soon = 30 * time.Minute
)

// sickened are the nodes that fell ill after it had ended badly there, sorted; none
// if as many that it never came to are ill: then something else makes nodes ill.
func (t *trail) sickened(v *View) []string {
	var out []string
	others := 0
	for name, n := range v.Nodes {
		if n.Ill == "" {
			continue
		}
		s := t.visits[name]
		if s == nil || s.firstEnd.IsZero() || n.IllSince.Before(s.firstEnd.Add(-slack)) || n.IllSince.Sub(t.lastEnd(name, s)) > soon {
			others++
			continue
		}
		out = append(out, name)
	}
	if others >= len(out) {
		return nil
	}
	slices.Sort(out)
	return out
}

// lastEnd is the last bad end on a node.
func (t *trail) lastEnd(node string, s *visit) time.Time {
	last := s.firstEnd
	for _, e := range t.ends {
		if e.node == node && e.Time.After(last) {
			last = e.Time
		}
	}
	return last
}
