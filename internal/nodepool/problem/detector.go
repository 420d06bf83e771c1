package problem

import (
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// Finding is a problem that shows once; it becomes an Event.
type Finding struct {
	Time    time.Time
	Reason  string
	Message string
}

// Condition is a problem that lasts, or its absence.
type Condition struct {
	Type    string
	Bad     bool
	Reason  string
	Message string
	Since   time.Time
}

const (
	// quiet is how long the same finding is not told again.
	quiet = 5 * time.Minute
	// probesBad is how many probes in a row the runtime must fail.
	probesBad = 3
	maxText   = 300
)

// Detector remembers what came. It is used by one goroutine at a time.
type Detector struct {
	patterns []pattern
	seen     map[string][]time.Time // lines by reason, as far back as the pattern looks
	told     map[string]time.Time
	bad      map[string]Condition
	until    map[string]time.Time // when a condition ends by itself
	failed   int                  // probes of the runtime, in a row
}

// NewDetector makes one that knows of nothing: a machine that has started again is
// well until it says otherwise.
func NewDetector() *Detector {
	return &Detector{patterns: patterns(), seen: map[string][]time.Time{}, told: map[string]time.Time{}, bad: map[string]Condition{}, until: map[string]time.Time{}}
}

// Line takes a line of the kernel's log; the finding is nil if it tells nothing, or
// nothing new.
func (d *Detector) Line(at time.Time, text string) *Finding {
	for i := range d.patterns {
		p := &d.patterns[i]
		if !p.match.MatchString(text) {
			continue
		}
		if len(text) > maxText {
			text = text[:maxText]
		}
		d.count(p, at, text)
		if last, told := d.told[p.reason]; told && at.Sub(last) < quiet {
			return nil
		}
		d.told[p.reason] = at
		return &Finding{Time: at, Reason: p.reason, Message: text}
	}
	return nil
}

func (d *Detector) count(p *pattern, at time.Time, text string) {
	if p.condition == "" {
		return
	}
	times := append(d.seen[p.reason], at)
	times = slices.DeleteFunc(times, func(t time.Time) bool { return p.within > 0 && at.Sub(t) > p.within })
	times = times[max(0, len(times)-p.times):]
	d.seen[p.reason] = times
	_, already := d.bad[p.condition]
	if len(times) < p.times && !already {
		return
	}
	if !already {
		message := text
		if p.times > 1 {
			message = fmt.Sprintf("%d times within %s: %s", p.times, p.within, text)
		}
		d.bad[p.condition] = Condition{Type: p.condition, Bad: true, Reason: p.reason, Message: message, Since: at}
	}
	switch end, has := d.until[p.condition]; {
	case p.lasts == 0:
		delete(d.until, p.condition)
	case !already, has && end.Before(at.Add(p.lasts)):
		d.until[p.condition] = at.Add(p.lasts)
	}
}

// Probe takes whether the container runtime answered.
func (d *Detector) Probe(at time.Time, err error) {
	if err == nil {
		d.failed = 0
		delete(d.bad, v1alpha1.NodeContainerRuntimeUnhealthy)
		return
	}
	if d.failed++; d.failed < probesBad {
		return
	}
	if _, already := d.bad[v1alpha1.NodeContainerRuntimeUnhealthy]; !already {
		text := err.Error()
		if len(text) > maxText {
			text = text[:maxText]
		}
		d.bad[v1alpha1.NodeContainerRuntimeUnhealthy] = Condition{Type: v1alpha1.NodeContainerRuntimeUnhealthy, Bad: true, Reason: "RuntimeDoesNotAnswer", Message: text, Since: at}
	}
}

// Conditions are all that this package sets, as they are now.
func (d *Detector) Conditions(now time.Time) []Condition {
	for kind, end := range d.until {
		if !now.Before(end) {
			delete(d.until, kind)
			delete(d.bad, kind)
		}
	}
	var list []Condition
	for _, c := range []Condition{
		{Type: v1alpha1.NodeKernelDeadlock, Reason: "KernelHasNoDeadlock", Message: "no task hangs"},
		{Type: v1alpha1.NodeReadonlyFilesystem, Reason: "FilesystemIsNotReadOnly", Message: "no file system was made read-only"},
		{Type: v1alpha1.NodeContainerRuntimeUnhealthy, Reason: "RuntimeAnswers", Message: "the container runtime answers"},
	} {
		if bad, is := d.bad[c.Type]; is {
			c = bad
		}
		list = append(list, c)
	}
	return list
}
