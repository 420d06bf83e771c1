package relay

import (
	"slices"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// types are those that a node may tell.
func types() []record.Type {
	return []record.Type{
		record.TypeExit, record.TypeOOMKill, record.TypeCoreDump, record.TypeStop, record.TypeUsage, record.TypePressure,
		record.TypeThrottling, record.TypeNetwork, record.TypeProbe, record.TypeComponent, record.TypeSummary,
	}
}

// sources are the names under which a node may tell something.
var sources = []string{"node", "kernel", "core", "kubelet", "metrics"}

// ahead is how much a node's clock may be ahead; what it says is later still has
// happened now, or one wrong clock would set that of the whole diagnosis.
const ahead = 2 * time.Second

// own makes of a node's record what it may be: of itself, or of a pod that is not
// known to be on another node. ok is false for others.
func own(r record.Record, node string, now time.Time, nodeOf func(record.Ref) string) (_ record.Record, ok bool) {
	what := r.Type()
	if s, summary := r.Payload.(*record.Summary); summary {
		if s.Sample == nil || s.Sample.Type() != s.Of || s.Of == record.TypeSummary || !slices.Contains(types(), s.Of) {
			return r, false
		}
	}
	if !slices.Contains(types(), what) {
		return r, false
	}
	switch {
	case r.Object == record.Ref{}: // of the cluster, which is not its to judge
		r.Object = record.Ref{Kind: "Node", Name: node}
	case r.Object.Kind == "Node" && r.Object.Group == "":
		if r.Object.Key() != (record.Ref{Kind: "Node", Name: node}) {
			return r, false
		}
	case r.Object.Kind == "Pod" && r.Object.Group == "":
		if at := nodeOf(r.Object); at != "" && at != node {
			return r, false
		}
	default:
		return r, false
	}
	if !slices.Contains(sources, r.Source) {
		r.Source = "node"
	}
	if r.Time.After(now.Add(ahead)) {
		r.Time = now
	}
	r.Node, r.Owners = node, nil
	return r, true
}
