package model

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/logline"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
)

// Log is what the logs of an object tell.
type Log struct {
	Object Key
	Hits   []*LogHit
	// Tail are the last lines of each container.
	Tail map[string][]string

	lines map[string]int // by container, so far
	byID  map[hitID]*LogHit
}

// LogHit is lines that say the same of the same target.
type LogHit struct {
	ID        logline.ID
	Container string
	Previous  bool
	Target    string
	Addresses []logline.Address
	Count     int
	Sample    string
	// From and To are the places of the first and the last of them in the log, Of
	// is the log's length: errors at the start only are often start-up noise.
	From, To, Of int
	First, Last  time.Time
	// Retried is when the first of the lines says that it tries again; Retries how
	// many do.
	Retried time.Time
	Retries int
}

// Late says that the lines go on to the end of the log.
func (h *LogHit) Late() bool {
	return h.Previous || h.Of-h.To <= 12 || float64(h.To) > 0.7*float64(h.Of)
}

type hitID struct {
	id        logline.ID
	container string
	target    string
	address   string
	previous  bool
}

const (
	maxHits = 400 // of one object
	maxTail = 12
)

func (m *Model) addLog(r prepared, key Key, p *record.Log) {
	l := m.logs[key]
	if l == nil {
		l = &Log{Object: key, Tail: map[string][]string{}, lines: map[string]int{}, byID: map[hitID]*LogHit{}}
		m.logs[key] = l
	}
	slot := p.Container
	if p.Previous {
		slot += " (previous)"
	}
	before := l.lines[slot]
	for _, t := range r.told {
		l.add(t.hit, p, p.Lines[t.at], before+t.at+1)
	}
	l.lines[slot] = before + len(p.Lines)
	for _, h := range l.Hits {
		if h.Container == p.Container && h.Previous == p.Previous {
			h.Of = l.lines[slot]
		}
	}
	if n := len(p.Lines); n > 0 {
		tail := append(l.Tail[slot], p.Lines[max(0, n-maxTail):]...)
		l.Tail[slot] = slices.Clone(tail[max(0, len(tail)-maxTail):])
	}
}

func (l *Log) add(hit logline.Hit, p *record.Log, line string, at int) {
	id := hitID{id: hit.ID, container: p.Container, target: hit.Target, previous: p.Previous}
	if len(hit.Addresses) > 0 {
		id.address = hit.Addresses[0].String()
	}
	h := l.byID[id]
	if h == nil {
		if len(l.Hits) >= maxHits {
			return
		}
		h = &LogHit{
			ID: hit.ID, Container: p.Container, Previous: p.Previous, Target: hit.Target, Addresses: hit.Addresses,
			Sample: clip(line, 300), From: at, First: lineTime(line),
		}
		l.byID[id] = h
		l.Hits = append(l.Hits, h)
	}
	h.Count++
	h.To = at
	t := lineTime(line)
	if !t.IsZero() {
		h.Last = t
	}
	if strings.Contains(line, "etr") && again.MatchString(clip(line, 300)) {
		h.Retries++
		if h.Retried.IsZero() {
			h.Retried = t
		}
	}
}

// again is what those say who call once more after a failure.
var again = lazyregexp.New(`(?i)\bretr(?:y|ies|ying)\b`)

var stamp = lazyregexp.New(`^\D{0,12}(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2}))`)

// lineTime is the time at a line's start, where it has one with its zone.
func lineTime(line string) time.Time {
	if len(line) > 60 {
		line = line[:60]
	}
	if !strings.Contains(line, "T") {
		return time.Time{}
	}
	m := stamp.FindStringSubmatch(line)
	if m == nil {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, m[1])
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// LogsOf are the logs of a workload and of its pods.
func (m *Model) LogsOf(w *Workload) []*Log { return m.Index().logs[w.Key] }

func sortedLogs(byKey map[Key]*Log) []*Log {
	out := make([]*Log, 0, len(byKey))
	for _, l := range byKey {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b *Log) int { return a.Object.Compare(b.Object) })
	for _, l := range out {
		slices.SortStableFunc(l.Hits, func(a, b *LogHit) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Sample, b.Sample))
		})
	}
	return out
}
