package model

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
)

// Exit is the end of a container's process, as observed on its node.
type Exit struct {
	record.Exit
	Time time.Time
}

// OOM is a process that the kernel ended for want of memory.
type OOM struct {
	record.OOMKill
	Time   time.Time
	Object Key
	Node   string
}

// Core is a core dump.
type Core struct {
	record.CoreDump
	Time time.Time
	Node string
}

// Stop is an end of all containers of a node that was not their own.
type Stop struct {
	record.Stop
	Time time.Time
}

// Component is trouble of a part of the system.
type Component struct {
	record.Component
	Time   time.Time
	Object Key
	Node   string
}

// Audit is a request to the API server.
type Audit struct {
	record.Audit
	Time   time.Time
	Object Key
}

// ProbeCount is how a pod's probes went.
type ProbeCount struct{ OK, Failed int }

type usageID struct {
	object              Key
	node                string
	resource, container string
}

// Alert is an alert of a monitoring system.
type Alert struct {
	Name     string
	Object   Key // as far as the record says
	Labels   map[string]string
	Text     string
	Starts   time.Time
	Ends     time.Time
	Value    float64 // as the text says it is now; 0 if it says none
	Change   float64 // in percent, as the text says; 0 if it says none
	Severity string
}

func newAlert(r record.Record, key Key, p *record.Alert) Alert {
	text := p.Annotations["description"]
	for _, k := range []string{"summary", "message"} {
		if text == "" {
			text = p.Annotations[k]
		}
	}
	a := Alert{Name: p.Name, Object: key, Labels: p.Labels, Text: text, Starts: p.StartsAt, Ends: p.EndsAt, Severity: p.Labels["severity"]}
	if a.Starts.IsZero() {
		a.Starts = r.Time
	}
	a.Change = percent(text)
	if g := valueOf.FindStringSubmatch(text); g != nil {
		a.Value, _ = strconv.ParseFloat(g[1], 64) // digits, by the expression
	}
	return a
}

var percentOf = lazyregexp.New(`([+-]?\d+(?:\.\d+)?) ?%`)

var valueOf = lazyregexp.New(`(?i)(?:current(?:ly)?|value|now)\W{0,3}(?:is )?(\d+(?:\.\d+)?)`)

// percent is the greatest change in percent that a text tells of.
func percent(text string) float64 {
	worst := 0.0
	for _, m := range percentOf.FindAllStringSubmatch(text, 10) {
		v, err := strconv.ParseFloat(strings.TrimPrefix(m[1], "+"), 64)
		if err == nil && abs(v) > abs(worst) {
			worst = v
		}
	}
	return worst
}

func abs(v float64) float64 {
	if v < 0 {
		return -v
	}
	return v
}

// addSignal takes what nodes and the system report.
func (m *Model) addSignal(r record.Record, key Key) {
	switch p := r.Payload.(type) {
	case *record.Exit:
		m.exits[key] = keepEnds(append(m.exits[key], Exit{*p, r.Time}))
	case *record.OOMKill:
		m.oom = keepLast(append(m.oom, OOM{*p, r.Time, key, r.Node}))
	case *record.CoreDump:
		// A report that the journal has refused is given again.
		if !slices.ContainsFunc(m.cores[key], func(c Core) bool { return c.PID == p.PID && c.Time.Equal(r.Time) }) {
			m.cores[key] = keepEnds(append(m.cores[key], Core{*p, r.Time, r.Node}))
		}
	case *record.Stop:
		// It is given again after each start.
		if s := (Stop{*p, r.Time}); !slices.Contains(m.stops[r.Node], s) {
			m.stops[r.Node] = append(m.stops[r.Node], s)
		}
	case *record.Usage:
		m.usage[usageID{key, r.Node, p.Resource, p.Container}] = *p
		if p.Resource == "memory" && key.Kind == KindPod {
			m.addGrowth(key, p, r.Time)
		}
	case *record.Throttling:
		m.throttled[usageID{key, r.Node, "cpu", p.Container}] = *p
	case *record.Pressure:
		m.pressure[usageID{key, r.Node, p.Resource, p.Container}] = *p
	case *record.Component:
		m.components = keepLast(append(m.components, Component{*p, r.Time, key, r.Node}))
	case *record.Network:
		n := m.network[r.Node]
		if n == nil {
			n = &record.Network{Reason: p.Reason}
			m.network[r.Node] = n
		}
		n.Dropped += p.Dropped
	case *record.Pull:
		m.pulls[key] = keepEnds(append(m.pulls[key], *p))
	case *record.Probe:
		c := m.probes[key]
		if c == nil {
			c = &ProbeCount{}
			m.probes[key] = c
		}
		if p.OK {
			c.OK++
		} else {
			c.Failed++
		}
	case *record.Audit:
		m.audits = keepLast(append(m.audits, Audit{*p, r.Time, key}))
	}
}

// Exits are the ends of an object's processes, as its node saw them: of many, the
// first and the last.
func (m *Model) Exits(k Key) []Exit { return m.exits[k] }

// OOMs are all kills for want of memory.
func (m *Model) OOMs() []OOM { return m.oom }

// Cores are the core dumps of an object: of many, the first and the last.
func (m *Model) Cores(k Key) []Core { return m.cores[k] }

// settled is how long after a node runs again the end of a container is taken for
// one of the stop if it is not known when the container began.
const settled = time.Minute

// StopOf is the stop of a node that ended a container, by when that began and ended;
// began is zero if that is not known.
func (m *Model) StopOf(node string, began, ended time.Time) (Stop, bool) {
	for _, s := range m.stops[node] {
		// Containers' times have no fractions of a second.
		at := s.Time.Truncate(time.Second)
		if !ended.Before(at) && (began.IsZero() && ended.Before(s.Until.Add(settled)) || !began.IsZero() && began.Before(s.Time)) {
			return s, true
		}
	}
	return Stop{}, false
}

// Components are the troubles of the system's parts.
func (m *Model) Components() []Component { return m.components }

// Network is what each node's network lost.
func (m *Model) Network() map[string]*record.Network { return m.network }

// Audits are the requests to the API server.
func (m *Model) Audits() []Audit { return m.audits }

// Usage calls f for each limited thing whose use is known.
func (m *Model) Usage(f func(object Key, node string, u record.Usage)) {
	for id, u := range m.usage {
		f(id.object, id.node, u)
	}
}

// Throttling calls f for each container that a quota held back.
func (m *Model) Throttling(f func(object Key, node string, t record.Throttling)) {
	for id, t := range m.throttled {
		f(id.object, id.node, t)
	}
}
