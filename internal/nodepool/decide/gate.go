package decide

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// storm says why no node of a pool is repaired at all: what is seen cannot be
// trusted, too many nodes went bad together, too many of the pool are bad, or it was
// so a short while ago.
func (d *decider) storm(p *pool, unhealthy, registered int) hold {
	h := d.trouble(p, unhealthy, registered)
	if h.reason != "" {
		until := metav1.NewTime(d.s.Now.Add(p.Spec.Repair.StormCooldown.Duration))
		p.status.StormUntil = &until
		if unhealthy > 0 {
			p.holds(v1alpha1.ConditionRepairHeld, h.reason, h.message)
		}
		return h
	}
	if p.status.StormUntil != nil {
		if wait := p.status.StormUntil.Sub(d.s.Now); wait > 0 {
			return hold{"StormCooldown", fmt.Sprintf("many nodes were bad a short while ago; repairs go on at %s", clock(p.status.StormUntil.Time))}
		}
		p.status.StormUntil = nil
	}
	return hold{}
}

func (d *decider) trouble(p *pool, unhealthy, registered int) hold {
	if d.s.Trouble != "" {
		return hold{"Trouble", d.s.Trouble}
	}
	most := share(p.Spec.Repair.Correlation.Nodes, len(d.s.Nodes), 2)
	window := p.Spec.Repair.Correlation.Window.Duration
	if n := d.together(window); n > most {
		return hold{"Correlation", fmt.Sprintf("%d nodes went bad within %s, more than %d: that is not the nodes' own fault", n, window, most)}
	}
	if allowed := share(p.Spec.Repair.MaxUnhealthy, registered, 1); unhealthy > allowed {
		return hold{"MaxUnhealthy", fmt.Sprintf("%d of %d nodes are bad or under repair, more than %d", unhealthy, registered, allowed)}
	}
	return hold{}
}

// together is the most nodes of the whole cluster that went bad within one window and
// are bad still.
func (d *decider) together(window time.Duration) int {
	if n, known := d.correlated[window]; known {
		return n
	}
	var times []time.Time
	for _, node := range d.s.Nodes {
		if t, is := wentBad(node); is && d.wasReady(node) {
			times = append(times, t)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	most, from := 0, 0
	for to := range times {
		for times[to].Sub(times[from]) > window {
			from++
		}
		most = max(most, to-from+1)
	}
	d.correlated[window] = most
	return most
}

// wasReady says whether a node ever worked: one that never came is not gone.
func (d *decider) wasReady(node *corev1.Node) bool {
	if m := d.byNode[node.Name]; m != nil {
		return m.state != isStarting
	}
	return true
}

// wentBad is when a node got the oldest of its bad conditions.
func wentBad(node *corev1.Node) (at time.Time, is bool) {
	for i := range node.Status.Conditions {
		c := &node.Status.Conditions[i]
		bad := c.Status == corev1.ConditionTrue
		if c.Type == corev1.NodeReady {
			bad = !bad
		} else if !slices.Contains(signs, c.Type) {
			continue
		}
		if bad && (!is || c.LastTransitionTime.Time.Before(at)) {
			at, is = c.LastTransitionTime.Time, true
		}
	}
	return at, is
}

// signs are the conditions that are bad when True.
var signs = []corev1.NodeConditionType{corev1.NodeDiskPressure, corev1.NodeMemoryPressure, corev1.NodePIDPressure, v1alpha1.NodeKernelDeadlock, v1alpha1.NodeReadonlyFilesystem, v1alpha1.NodeContainerRuntimeUnhealthy}
