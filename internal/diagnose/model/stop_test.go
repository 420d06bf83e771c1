package model

import (
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

func TestStopOf(t *testing.T) {
	at := time.Date(2026, 11, 24, 10, 0, 0, 400e6, time.UTC)
	m := New()
	for range 2 { // it is told again after each start
		m.Add(record.Record{Time: at, Node: "n1", Object: record.Ref{Kind: "Node", Name: "n1"}, Payload: &record.Stop{Reason: record.StopAsked, Until: at.Add(time.Hour)}})
	}
	if n := len(m.stops["n1"]); n != 1 {
		t.Errorf("%d stops are known of one", n)
	}
	never := time.Time{}
	for name, c := range map[string]struct {
		node         string
		began, ended time.Time
		want         bool
	}{
		"it ran and was stopped":                  {"n1", at.Add(-time.Hour), at.Add(2 * time.Second), true},
		"in the same second":                      {"n1", at.Add(-time.Hour), at.Truncate(time.Second), true},
		"it was found at the start to have ended": {"n1", at.Add(-time.Hour), at.Add(time.Hour + 3*time.Second), true},
		"it ended before":                         {"n1", at.Add(-time.Hour), at.Add(-time.Second), false},
		"it began after":                          {"n1", at.Add(time.Hour + time.Second), at.Add(time.Hour + 3*time.Second), false},
		"on another node":                         {"n2", at.Add(-time.Hour), at.Add(2 * time.Second), false},
		"it is not known when it began":           {"n1", never, at.Add(2 * time.Second), true},
		"nor that, long after":                    {"n1", never, at.Add(2 * time.Hour), false},
	} {
		if _, got := m.StopOf(c.node, c.began, c.ended); got != c.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}
