package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"k8s.io/client-go/kubernetes"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/problem"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/kmsg"
)

// startNodeProblems makes conditions of this node from what its kernel and its
// container runtime say; repair rules of node pools name them.
func (d *Daemon) startNodeProblems(client kubernetes.Interface) {
	if d.config.Simulate || !d.config.Enabled(config.ComponentNodePools) {
		return
	}
	d.work.Go("node problems", func(ctx context.Context) error {
		select {
		case <-d.ready:
		case <-ctx.Done():
			return nil
		}
		connection, err := grpc.NewClient(d.runtime.Endpoint(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return fmt.Errorf("reach the container runtime: %w", err)
		}
		defer connection.Close()
		runtime := cri.NewRuntimeServiceClient(connection)
		err = problem.Run(ctx, problem.Options{Client: client, Node: d.config.NodeName,
			Follow: func(ctx context.Context, f func(time.Time, string)) error {
				return kmsg.Follow(ctx, func(m kmsg.Message) { f(m.Time, m.Text) })
			},
			Probe: func(ctx context.Context) error {
				_, err := runtime.Version(ctx, &cri.VersionRequest{})
				return err
			},
		})
		if err != nil {
			slog.Error("problems of this node are not looked for", "err", err)
		}
		<-ctx.Done()
		return nil
	})
}
