package node

import (
	"context"
	"fmt"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/pods"
)

const (
	// A runtime that answers later is slow; after the timeout it is down. The
	// kubelet's own bound for such a call is 2 min.
	slowRuntime    = 5 * time.Second
	runtimeTimeout = 30 * time.Second
)

// runtime asks the container runtime for its own opinion of itself.
func (n *observer) runtime(ctx context.Context, runtime *pods.CRI) error {
	var told time.Time
	return every(ctx, n.Period, func(now time.Time) error {
		asking, cancel := context.WithTimeout(ctx, runtimeTimeout)
		defer cancel()
		began := time.Now()
		status, err := runtime.Status(asking)
		p := record.Component{Name: "containerd", Value: time.Since(began).Seconds(), Unit: "seconds"}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			p.Problem, p.Message = "down", err.Error()
		case time.Since(began) > slowRuntime:
			p.Problem, p.Message = "slow", fmt.Sprintf("it answered after %.1f s", p.Value)
		default:
			for _, c := range status.GetConditions() {
				// Others are advice, as against settings that will go away.
				if !c.Status && (c.Type == cri.RuntimeReady || c.Type == cri.NetworkReady) {
					p.Problem, p.Message = "error", fmt.Sprintf("%s is false: %s %s", c.Type, c.Reason, c.Message)
				}
			}
		}
		if p.Problem == "" {
			told = time.Time{}
		} else if now.Sub(told) >= remind {
			told = now
			n.component(time.Now(), p)
		}
		return nil
	})
}
