package node

import (
	"context"
	"os"
	"strconv"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/cgroupfs"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/cgrouppath"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/kmsg"
)

// oom records the kernel's kills for want of memory.
func (n *observer) oom(ctx context.Context) error {
	var reader kmsg.Reader
	return kmsg.Follow(ctx, func(m kmsg.Message) {
		o, ok := reader.Take(m)
		if !ok {
			return
		}
		place := cgrouppath.Of(o.Cgroup)
		if o.Cgroup == "" {
			// The kernel says it of 10 kills in 5 s only; the process may still be there.
			groups, err := os.ReadFile("/proc/" + strconv.Itoa(o.PID) + "/cgroup")
			if err == nil {
				place = cgrouppath.OfProcess(string(groups))
			}
		}
		if n.others(place) {
			return
		}
		r := record.Record{Time: o.Time, Source: "kernel", Object: n.ref()}
		p := &record.OOMKill{PID: o.PID, Executable: o.Command, Cgroup: o.Limit}
		if c, ok := n.whose(ctx, place); ok {
			r.Object, p.Container = c.Pod, c.Name
		}
		if o.Limit != "" {
			p.LimitBytes = cgroupfs.MemoryLimit(o.Limit)
		}
		r.Payload = p
		n.emit(r)
	})
}
