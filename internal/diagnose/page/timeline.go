package page

import (
	"slices"
	"strconv"
	"time"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// The timeline, in pixels.
const (
	lineWidth  = 760
	lineLeft   = 10
	rowHeight  = 20
	maxMoments = 14
)

// timeline is when each fact began, from the first to the verdict.
type timeline struct {
	Width, Height, Axis int
	Start, End          string
	Marks               []mark
}

type mark struct {
	X, Y       int
	Time, Text string
	First      bool
	// Left says that the text goes to the left of the mark.
	Left bool
}

// layTimeline places the facts' beginnings on a line; nothing if fewer than two
// times are known.
func layTimeline(s v1alpha1.IncidentStatus, now time.Time) timeline {
	type moment struct {
		at    time.Time
		text  string
		first bool
	}
	var all []moment
	if t := s.FirstCause.Since; t != nil && s.FirstCause.Reason != v1alpha1.NoCauseRecorded {
		all = append(all, moment{t.Time, shortName(s.FirstCause.Object) + " " + s.FirstCause.Reason, true})
	}
	for _, l := range s.Chain {
		if l.Since != nil {
			all = append(all, moment{l.Since.Time, shortName(l.To) + " " + l.ToReason, false})
		}
	}
	if len(all) == 0 || now.IsZero() {
		return timeline{}
	}
	slices.SortStableFunc(all, func(a, b moment) int { return a.at.Compare(b.at) })
	all = all[:min(len(all), maxMoments)]
	from, to := all[0].at, now
	span := to.Sub(from)
	if span <= 0 {
		return timeline{}
	}
	t := timeline{Width: lineLeft*2 + lineWidth, Start: from.UTC().Format("15:04:05"), End: to.UTC().Format("15:04:05")}
	for n, m := range all {
		x := lineLeft + int(float64(lineWidth)*min(1, max(0, m.at.Sub(from).Seconds()/span.Seconds())))
		t.Marks = append(t.Marks, mark{X: x, Y: 12 + n*rowHeight, Time: m.at.UTC().Format("15:04:05"), Text: clip(m.text, 60), First: m.first, Left: x > lineLeft+lineWidth/2})
	}
	t.Axis = 12 + len(all)*rowHeight
	t.Height = t.Axis + 22
	return t
}

func itoa(n int) string { return strconv.Itoa(n) }
