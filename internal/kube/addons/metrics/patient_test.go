package metrics

import (
	"context"
	"fmt"
	"syscall"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/metrics-server/pkg/storage"
)

type answer struct {
	batch *storage.MetricsBatch
	err   error
}

func (a *answer) GetMetrics(context.Context, *v1.Node) (*storage.MetricsBatch, error) {
	return a.batch, a.err
}

func TestRefusalIsAnErrorOnlyAfterAnAnswer(t *testing.T) {
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
	refused := fmt.Errorf("dial: %w", syscall.ECONNREFUSED)
	source := &answer{err: refused}
	p := &patient{source: source, answered: map[string]bool{}}
	for _, step := range []struct {
		name      string
		source    answer
		wantError bool
	}{
		{"not listening yet", answer{err: refused}, false},
		{"another error", answer{err: context.DeadlineExceeded}, true},
		{"an answer", answer{batch: &storage.MetricsBatch{}}, false},
		{"gone", answer{err: refused}, true},
	} {
		*source = step.source
		batch, err := p.GetMetrics(t.Context(), node)
		if (err != nil) != step.wantError || batch != step.source.batch {
			t.Errorf("%s: GetMetrics = %v, %v", step.name, batch, err)
		}
	}
}
