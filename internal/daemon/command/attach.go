package command

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/bulkhead-k8s/bulkhead/internal/attach"
)

// attachCommand diagnoses and contains a cluster that Bulkhead does not run.
func attachCommand() *cobra.Command {
	var kubeconfig, kubeContext, metrics string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "attach",
		Short: "Diagnose and contain another cluster, through its API alone",
		Long: `Diagnose and contain a cluster that Bulkhead does not run, until it is ended. It installs
the kinds Incident, Brake and ContainmentPolicy there, and holds what docs/containment.md
says under "any cluster". What it holds stays held when it ends, and is taken back when
it runs again, or by hand as ` + "`bulkhead contain explain`" + ` says. One of these at a time on a
cluster is enough.`,
		Example: `  bulkheadd attach --kubeconfig prod.yaml --dry-run
  bulkheadd attach --kubeconfig prod.yaml --metrics-address 127.0.0.1:9797`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			rules := clientcmd.NewDefaultClientConfigLoadingRules()
			rules.ExplicitPath = kubeconfig
			access, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: kubeContext}).ClientConfig()
			if err != nil {
				return fmt.Errorf("read kubeconfig: %w", err)
			}
			access.QPS = -1 // the API server limits by itself
			a, err := attach.New(attach.Options{Access: access, DryRun: dryRun})
			if err != nil {
				return err
			}
			if metrics != "" {
				end, err := serveMetrics(metrics, a.Collectors())
				if err != nil {
					return err
				}
				defer end()
			}
			slog.Info("attached", "cluster", access.Host, "dryRun", dryRun)
			return a.Run(ctx)
		},
	}
	cmd.Flags().StringVar(&kubeconfig, "kubeconfig", "", "access to the cluster (default: $KUBECONFIG, ~/.kube/config, or that of the pod it runs in)")
	cmd.Flags().StringVar(&kubeContext, "context", "", "context of the kubeconfig")
	cmd.Flags().StringVar(&metrics, "metrics-address", "", "serve the brakes' metrics here (default: nowhere)")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only log what the built-in policy would hold; write nothing")
	return cmd
}

// serveMetrics serves them until end is called.
func serveMetrics(address string, collectors []prometheus.Collector) (end func(), err error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors...)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("metrics are not served", "err", err)
		}
	}()
	return func() { server.Close(); <-done }, nil
}
