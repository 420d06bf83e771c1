package contain

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// Actions are those that the containment holds, in the order in which it looks.
var Actions = []v1alpha1.Action{
	v1alpha1.ActionScaleUp, v1alpha1.ActionRepair, v1alpha1.ActionSpread, v1alpha1.ActionDiskUse,
	v1alpha1.ActionRollout, v1alpha1.ActionRestart, v1alpha1.ActionDisruption,
}

// The defaults of a policy.
const (
	defaultConfidence = 50
	defaultFailures   = 3
	defaultWindow     = 10 * time.Minute
	defaultDuration   = 15 * time.Minute
	defaultCoolDown   = 5 * time.Minute
	defaultTotal      = 4 * time.Hour
	defaultPerMinute  = 20
	defaultAtOnce     = 50
	defaultBytes      = 1 << 30
	defaultNodeShare  = "20%"
)

// defaultModes are those of brakes that only let something wait; what changes
// something is advised.
var defaultModes = map[v1alpha1.Action]v1alpha1.Mode{v1alpha1.ActionScaleUp: v1alpha1.ModeAct, v1alpha1.ActionRepair: v1alpha1.ModeAct}

// policy is one that was checked, with its defaults filled in.
type policy struct {
	name                  string
	priority              int32
	namespaces, workloads labels.Selector
	rules                 map[v1alpha1.Action]rule
	confidence            float64
	failures              int
	window, coolDown      time.Duration
	nodeShare             intstr.IntOrString
	compartments          *intstr.IntOrString
	rollback              bool
	moveNeighbours        bool
	diskBytes, coreBytes  int64
	perMinute, atOnce     int
	total                 time.Duration
}

type rule struct {
	mode     v1alpha1.Mode
	duration time.Duration
}

// Check says what is wrong with a policy that the API server cannot see.
func Check(p *v1alpha1.ContainmentPolicy) error {
	_, err := complete(p)
	return err
}

func complete(in *v1alpha1.ContainmentPolicy) (*policy, error) {
	s := &in.Spec
	p := &policy{
		name: in.Name, priority: s.Priority, rules: map[v1alpha1.Action]rule{}, rollback: s.Rollback, moveNeighbours: s.MoveNeighbours,
		confidence: float64(or(s.Confidence, defaultConfidence)) / 100, failures: int(or(s.Failures, defaultFailures)),
		window: span(s.Window, defaultWindow), coolDown: span(s.CoolDown, defaultCoolDown),
		nodeShare: or(s.NodeShare, intstr.FromString(defaultNodeShare)),
		diskBytes: size(s.DiskBytes), coreBytes: size(s.CoreBytes),
		perMinute: defaultPerMinute, atOnce: defaultAtOnce, total: defaultTotal,
	}
	if l := s.Limits; l != nil {
		p.perMinute, p.atOnce = int(or(l.PerMinute, defaultPerMinute)), int(or(l.AtOnce, defaultAtOnce))
		p.total = span(l.Total, defaultTotal)
	}
	for _, a := range Actions {
		p.rules[a] = rule{cmp.Or(defaultModes[a], v1alpha1.ModeAdvise), defaultDuration}
	}
	for _, r := range s.Brakes {
		standard, ok := p.rules[r.Action]
		if !ok {
			return nil, fmt.Errorf("policy %s: no action is called %q", in.Name, r.Action)
		}
		p.rules[r.Action] = rule{cmp.Or(r.Mode, standard.mode), span(r.Duration, standard.duration)}
	}
	if c := s.Compartments; c != nil {
		p.compartments = &c.Nodes
	}
	var err error
	if p.namespaces, err = selector(s.Namespaces); err != nil {
		return nil, fmt.Errorf("policy %s: spec.namespaces: %w", in.Name, err)
	}
	if p.workloads, err = selector(s.Workloads); err != nil {
		return nil, fmt.Errorf("policy %s: spec.workloads: %w", in.Name, err)
	}
	for _, share := range []*intstr.IntOrString{&p.nodeShare, p.compartments} {
		if share == nil {
			continue
		}
		if _, err := part(*share, 100); err != nil {
			return nil, fmt.Errorf("policy %s: %w", in.Name, err)
		}
	}
	return p, nil
}

func or[T any](p *T, standard T) T {
	if p == nil {
		return standard
	}
	return *p
}

func span(d *metav1.Duration, standard time.Duration) time.Duration {
	if d == nil {
		return standard
	}
	return d.Duration
}

func size(q *resource.Quantity) int64 {
	if q == nil {
		return defaultBytes
	}
	return q.Value()
}

func selector(s *metav1.LabelSelector) (labels.Selector, error) {
	if s == nil {
		return labels.Everything(), nil
	}
	return metav1.LabelSelectorAsSelector(s)
}

// part is a number or a share of a whole, not rounded.
func part(p intstr.IntOrString, whole int) (float64, error) {
	if p.Type == intstr.Int {
		if p.IntVal < 0 {
			return 0, fmt.Errorf("%d is no number of nodes", p.IntVal)
		}
		return float64(p.IntVal), nil
	}
	percent, ok := strings.CutSuffix(p.StrVal, "%")
	v, err := strconv.ParseFloat(percent, 64)
	if !ok || err != nil || v < 0 || v > 100 {
		return 0, fmt.Errorf("%q is no share; write a number as 3 or a share as 20%%", p.StrVal)
	}
	return v * float64(whole) / 100, nil
}

// atMost is a share rounded down, at least one.
func atMost(p intstr.IntOrString, whole int) int {
	v, err := part(p, whole)
	if err != nil {
		return 1
	}
	return max(1, int(math.Floor(v+1e-9)))
}

// enough is a share rounded up, at least one.
func enough(p intstr.IntOrString, whole int) int {
	v, err := part(p, whole)
	if err != nil {
		return 1
	}
	return max(1, int(math.Ceil(v-1e-9)))
}

// order puts a cluster's policies in the order in which they apply. The last is the
// built-in one. One that is wrong is left out: who writes it is told by Check.
func order(in []v1alpha1.ContainmentPolicy) []*policy {
	var out []*policy
	for i := range in {
		if p, err := complete(&in[i]); err == nil {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *policy) int {
		return cmp.Or(cmp.Compare(b.priority, a.priority), strings.Compare(a.name, b.name))
	})
	builtIn, err := complete(&v1alpha1.ContainmentPolicy{})
	if err != nil {
		panic(err) // it has no fields that could be wrong
	}
	return append(out, builtIn)
}

// of is the policy for a workload.
func of(all []*policy, w *Workload) *policy {
	for _, p := range all {
		if p.namespaces.Matches(labels.Set(w.NamespaceLabels)) && p.workloads.Matches(labels.Set(w.Labels)) {
			return p
		}
	}
	return all[len(all)-1]
}
