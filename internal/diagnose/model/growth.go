package model

import (
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Growth is how a container's memory went, from the first sample to the last.
type Growth struct {
	First, Last, Capacity float64
	Began, Ended          time.Time
	Samples, Grew         int
}

type containerID struct {
	object    Key
	container string
}

// addGrowth takes a sample of memory.
func (m *Model) addGrowth(k Key, u *record.Usage, at time.Time) {
	id := containerID{k, u.Container}
	g := m.growth[id]
	if g == nil {
		m.growth[id] = &Growth{First: u.Used, Last: u.Used, Capacity: u.Capacity, Began: at, Ended: at, Samples: 1}
		return
	}
	if u.Used > g.Last {
		g.Grew++
	}
	if u.Used < g.Last/2 { // it was started anew
		*g = Growth{First: u.Used, Began: at}
	}
	g.Last, g.Capacity, g.Ended = u.Used, u.Capacity, at
	g.Samples++
}

// Growth calls f for each container of which memory samples are known.
func (m *Model) Growth(f func(object Key, container string, g Growth)) {
	for id, g := range m.growth {
		f(id.object, id.container, *g)
	}
}
