package node

import (
	"regexp"
	"strings"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// What the kubelet says of pulls; it tells nobody else, and its metrics know no
// images.
var (
	pulled = regexp.MustCompile(`^Successfully pulled image "([^"]+)" in (\S+)`)
	failed = regexp.MustCompile(`(?s)^Failed to pull image "([^"]+)": (.*)$`)
)

// PullOf makes a record of a pull from a record of the kubelet's Event about it;
// ok is false for others.
func PullOf(r record.Record) (pull record.Record, ok bool) {
	e, isEvent := r.Payload.(*record.Event)
	if !isEvent || r.Object.Kind != "Pod" {
		return record.Record{}, false
	}
	p := &record.Pull{}
	switch e.Reason {
	case "Pulled":
		g := pulled.FindStringSubmatch(e.Message)
		if g == nil {
			return record.Record{}, false // it was there already
		}
		p.Image = g[1]
		took, err := time.ParseDuration(strings.TrimRight(g[2], ".,"))
		if err == nil {
			p.Took = took
		}
	case "Failed":
		g := failed.FindStringSubmatch(e.Message)
		if g == nil {
			return record.Record{}, false
		}
		p.Image, p.Error = g[1], g[2]
	default:
		return record.Record{}, false
	}
	r.Payload = p
	return r, true
}
