package dump

import (
	"bytes"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

// stamp is a time with its zone.
var stamp = lazyregexp.New(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)`)

// lineTime is the first time with a zone in the first part of a log's line.
func lineTime(l string) (time.Time, bool) {
	head := l[:min(len(l), 400)]
	if strings.IndexByte(head, ':') < 0 {
		return time.Time{}, false
	}
	m := stamp.FindString(head)
	// Structured logs may have their time last.
	if m == "" && len(l) > 400 {
		m = stamp.FindString(l[max(0, len(l)-200):])
	}
	if m == "" {
		return time.Time{}, false
	}
	m = strings.Replace(strings.Replace(m, " ", "T", 1), ",", ".", 1)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700"} {
		if t, err := time.Parse(layout, m); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// past tells the fields of objects whose times were past when they were written:
// other fields hold times to come, as those of certificates and schedules.
func past(key []byte) bool {
	switch string(key) {
	case "renewTime", "lastHeartbeatTime", "lastTransitionTime", "lastUpdateTime", "lastTimestamp", "eventTime", "lastObservedTime",
		"startedAt", "finishedAt", "startTime", "completionTime", "creationTimestamp":
		return true
	}
	return false
}

// newestIn is the newest such time in an object. It looks for what starts like a
// year, and only then at the key before it.
func newestIn(raw []byte) time.Time {
	var newest time.Time
	century := []byte(`"20`)
	for at := 0; ; {
		i := bytes.Index(raw[at:], century)
		if i < 0 {
			return newest
		}
		start := at + i
		at = start + len(century)
		if len(raw) < start+22 || raw[start+11] != 'T' || raw[start+5] != '-' {
			continue
		}
		end := bytes.IndexByte(raw[at:min(len(raw), at+40)], '"')
		key := bytes.TrimRight(raw[max(0, start-40):start], " \t\r\n:")
		if end < 0 || len(key) < 2 || key[len(key)-1] != '"' {
			continue
		}
		key = key[:len(key)-1]
		if !past(key[bytes.LastIndexByte(key, '"')+1:]) {
			continue
		}
		if t, err := time.Parse(time.RFC3339Nano, string(raw[start+1:at+end])); err == nil && t.After(newest) {
			newest = t
		}
	}
}

// newestShown is the newest time that a description shows as past, and the newest
// heartbeat of a node.
func newestShown(p *print) (newest, pulse time.Time) {
	see := func(t time.Time) {
		if t.After(newest) {
			newest = t
		}
	}
	for _, v := range p.views {
		see(v.Object.GetCreationTimestamp().Time)
		switch o := v.Object.(type) {
		case *corev1.Pod:
			if o.Status.StartTime != nil {
				see(o.Status.StartTime.Time)
			}
			for _, c := range o.Status.ContainerStatuses {
				for _, s := range []corev1.ContainerState{c.State, c.LastTerminationState} {
					if s.Running != nil {
						see(s.Running.StartedAt.Time)
					}
					if s.Terminated != nil {
						see(s.Terminated.FinishedAt.Time)
					}
				}
			}
		case *corev1.Node:
			for _, c := range o.Status.Conditions {
				see(c.LastHeartbeatTime.Time)
				if c.LastHeartbeatTime.After(pulse) {
					pulse = c.LastHeartbeatTime.Time
				}
			}
		}
	}
	return newest, pulse
}

// clock finds when the texts were printed.
type clock struct {
	// created and started are the exact times that the dump has of objects.
	created, started map[record.Ref]time.Time
	// running is since when pods of one container have that running.
	running map[record.Ref]time.Time
	report  *Report
}

// set gives each print its time and the report the dump's. A print's time is
// that at which all its objects have the age that it shows, where the time of
// their creation is known from elsewhere in the dump; the prints around it give
// that of one which shows none.
func (k *clock) set(finds []*find) {
	latest := k.exact(finds, k.byAges)
	if latest.IsZero() {
		latest = k.exact(finds, k.byEvents)
	}
	dump, origin, sure := k.dumpTime(finds, latest)
	k.report.Time, k.report.Origin, k.report.Exact = dump, origin, sure
	for _, f := range finds {
		k.between(f.prints, dump)
	}
}

// exact gives the prints the times that one way tells, and returns the latest.
func (k *clock) exact(finds []*find, tell func(*print) (time.Time, bool)) (latest time.Time) {
	for _, f := range finds {
		for _, p := range f.prints {
			t, ok := tell(p)
			if !ok {
				continue
			}
			p.now = t
			if t.After(latest) {
				latest = t
			}
		}
	}
	return latest
}

// between gives a time to prints whose ages do not tell it. Commands of one file
// ran in its order: between the prints before and after, and not later than the
// ages of pods allow, which are older than their start.
func (k *clock) between(prints []*print, dump time.Time) {
	known := make([]bool, len(prints))
	next := dump
	for i := len(prints) - 1; i >= 0; i-- {
		p := prints[i]
		if known[i] = !p.now.IsZero(); known[i] {
			next = p.now
			continue
		}
		p.now = next
		if latest := k.latestBy(p); !latest.IsZero() && latest.Before(p.now) {
			p.now = latest
		}
	}
	last := time.Time{}
	for i, p := range prints {
		if !known[i] && p.now.Before(last) {
			p.now = last
		}
		last = p.now
	}
}

// latestBy is the latest time at which pods can have the ages that are shown:
// a pod is made before it starts, and its Scheduled event happens before, too.
func (k *clock) latestBy(p *print) time.Time {
	var latest time.Time
	bound := func(start time.Time, a view.Age) {
		if a.Known && a.Unit <= time.Minute && !start.IsZero() {
			if t := start.Add(a.Span + a.Unit); latest.IsZero() || t.Before(latest) {
				latest = t
			}
		}
	}
	for _, v := range p.views {
		bound(k.started[v.Ref().Key()], v.Age)
	}
	for _, e := range p.events {
		if e.Event.Reason == "Scheduled" {
			bound(k.started[e.About.Key()], e.Seen.Last)
		}
	}
	return latest
}

// soon is within what time after the newest time in it a file is taken to have been
// saved when its own time says so; later, it was rather copied.
const soon = time.Hour

// dumpTime is the dump's time and how it is known.
func (k *clock) dumpTime(finds []*find, byAges time.Time) (t time.Time, origin string, sure bool) {
	var newest, pulse, date, file time.Time
	where := ""
	for _, f := range finds {
		for _, d := range f.dates {
			if d.After(date) {
				date = d
			}
		}
		if f.newest.After(newest) {
			newest, where = f.newest, f.piece
		}
		if f.pulse.After(pulse) {
			pulse = f.pulse
		}
		if f.time.After(file) {
			file = f.time
		}
	}
	switch {
	case !byAges.IsZero() && (newest.IsZero() || newest.Sub(byAges) < 10*time.Minute):
		if newest.After(byAges) {
			return newest.UTC(), "the newest time in " + where, true
		}
		return byAges.UTC(), "ages of what has a known time", true
	case !date.IsZero():
		return date, "the output of date", true
	case !newest.IsZero() && pulse.IsZero() && file.After(newest) && file.Sub(newest) < soon:
		// Nothing in it is renewed all the time: it may be all that happened.
		return file.UTC(), "the files' own time", false
	case !newest.IsZero():
		return newest.UTC(), "the newest time in " + where, true
	case !file.IsZero():
		return file.UTC(), "the files' own time", false
	}
	return time.Time{}, "not known", false
}

// span is the times that are left for a print by the ages that it shows.
type span struct{ lo, hi time.Time }

// fit takes in that what was at a time has an age; early is by how much it may have
// been before that time.
func (s *span) fit(at time.Time, a view.Age, early time.Duration) {
	if at.IsZero() || !a.Known || a.Unit > time.Minute {
		return
	}
	from := at.Add(a.Span)
	if from.Add(-early).After(s.lo) {
		s.lo = from.Add(-early)
	}
	if to := from.Add(a.Unit); s.hi.IsZero() || to.Before(s.hi) {
		s.hi = to
	}
}

// time is the first that is left. Ages that contradict each other are of objects
// that were made anew.
func (s *span) time() (time.Time, bool) {
	return s.lo, !s.lo.IsZero() && s.lo.Before(s.hi.Add(3*time.Second))
}

// byAges is the time at which all ages of objects fit, exact to a minute.
func (k *clock) byAges(p *print) (time.Time, bool) {
	var s span
	for _, v := range p.views {
		s.fit(k.created[v.Ref().Key()], v.Age, 0)
	}
	return s.time()
}

// byEvents is that time by the ages of the events that go with a time that a pod's
// description has: a container was started, the kubelet took note of the pod some
// seconds after it was placed.
func (k *clock) byEvents(p *print) (time.Time, bool) {
	var s span
	for _, e := range p.events {
		switch e.Event.Reason {
		case "Started":
			s.fit(k.running[e.About.Key()], e.Seen.Last, time.Second)
		case "Scheduled":
			s.fit(k.started[e.About.Key()], e.Seen.Last, 5*time.Second)
		}
	}
	return s.time()
}
