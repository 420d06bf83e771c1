package metrics

import (
	"context"
	"errors"
	"sync"
	"syscall"

	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"sigs.k8s.io/metrics-server/pkg/scraper/client"
	"sigs.k8s.io/metrics-server/pkg/storage"
)

// patient keeps a kubelet that has not begun to listen from being reported as
// an error: at every restart of a node, the API has the node as ready before
// its kubelet is there. Once it has answered, a refusal is an error.
type patient struct {
	source client.KubeletMetricsGetter

	mu       sync.Mutex // guards the following
	answered map[string]bool
}

var _ client.KubeletMetricsGetter = (*patient)(nil)

func (p *patient) GetMetrics(ctx context.Context, node *v1.Node) (*storage.MetricsBatch, error) {
	batch, err := p.source.GetMetrics(ctx, node)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		p.answered[node.Name] = true
	case errors.Is(err, syscall.ECONNREFUSED) && !p.answered[node.Name]:
		klog.FromContext(ctx).V(2).Info("Kubelet does not listen yet", "node", node.Name, "err", err)
		return nil, nil // the scraper skips it
	}
	return batch, err
}
