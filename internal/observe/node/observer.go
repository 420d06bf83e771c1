package node

import (
	"context"
	"path"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/cgrouppath"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/pods"
)

// observer is what the sources share.
type observer struct {
	Options
	tracker *pods.Tracker // nil without a container runtime
}

// ref is the node itself.
func (n *observer) ref() record.Ref { return record.Ref{Kind: "Node", Name: n.NodeName} }

// emit records what happened on this node; whose fault it is if that fails, Append
// counts.
func (n *observer) emit(r record.Record) { _ = n.record(r) }

func (n *observer) record(r record.Record) error {
	r.Time = r.Time.UTC()
	r.Node = n.NodeName
	if r.Object.Kind == "Pod" && r.Object.Name != "" {
		r.Owners = n.Owners(r.Object)
	}
	return n.Append(r)
}

// others says whether a cgroup is a pod's of another node on this machine, which its
// own daemon records: the kernel tells both of both.
func (n *observer) others(p cgrouppath.Place) bool {
	own := path.Base(n.CgroupRoot)
	return p.Root != "" && own != "/" && p.Root != own
}

// whose says which pod and container a cgroup is. A pod that nobody can name any
// more has its UID only; ok is false for what is no pod's.
func (n *observer) whose(ctx context.Context, p cgrouppath.Place) (c pods.Container, ok bool) {
	if n.tracker != nil {
		if c, ok = n.tracker.Container(ctx, p.ContainerID); ok {
			return c, true
		}
	}
	if p.PodUID == "" {
		return pods.Container{}, false
	}
	if n.tracker != nil {
		if pod, ok := n.tracker.Pod(p.PodUID); ok {
			return pods.Container{Pod: pod, ID: p.ContainerID}, true
		}
	}
	if pod, ok := pods.FromLogs(n.PodLogs, p.PodUID); ok {
		return pods.Container{Pod: pod, ID: p.ContainerID}, true
	}
	return pods.Container{Pod: record.Ref{Kind: "Pod", UID: p.PodUID}, ID: p.ContainerID}, true
}

// measured is a record of a sample.
func (n *observer) measured(now time.Time, object record.Ref, p record.Payload) {
	n.emit(record.Record{Time: now, Source: "node", Object: object, Payload: p})
}
