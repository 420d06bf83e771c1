package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/kubernetes"
	"github.com/coredns/coredns/plugin/metrics"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	clientset "k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/apply"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/dns/address"
)

// Server is the DNS of one node.
type Server struct {
	options Options
	client  clientset.Interface
	outside *outside
	guard   *loopGuard
	ready   chan struct{}
}

// New returns a server; nothing runs, and the node is as it was, before Run.
func New(o Options) (*Server, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	client, err := clientset.NewForConfig(o.RestConfig)
	if err != nil {
		return nil, fmt.Errorf("make the cluster DNS's client: %w", err)
	}
	return &Server{options: o, client: client, outside: newOutside(), ready: make(chan struct{})}, nil
}

// Ready is closed once all that is in the API is answered for.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Run answers until ctx ends, and returns nil then. The addresses stay on the
// node (see address.Remove). The API need not be up, at the start or later:
// until it is, the cluster's names fail, which makes clients ask again, and
// after that what was known last is the answer.
func (s *Server) Run(ctx context.Context) error {
	if s.options.Interface != "-" {
		err := address.Ensure(ctx, address.Options{Interface: s.options.Interface, Addresses: s.options.Addresses, Clients: s.options.Clients})
		if err != nil {
			return err
		}
	}
	s.guard = newLoopGuard(func() { s.outside.loopFound(ctx) })
	defer s.outside.stop()
	names, plugins, err := s.plugins()
	if err != nil {
		return err
	}
	stopNames, err := startNames(ctx, names)
	if err != nil {
		return err
	}
	defer stopNames()

	sockets, err := listen(s.options)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	for _, socket := range sockets {
		group.Go(func() {
			if err := socket.serve(ctx, plugins); err != nil {
				cancel(err)
			}
		})
	}
	group.Go(func() {
		known := stampOf(s.options.ResolvConf)
		s.readResolvConf(ctx)
		s.follow(ctx, known)
	})
	group.Go(func() {
		if s.options.AppliedElsewhere {
			return
		}
		err := apply.Retry(ctx, "cluster DNS", func(ctx context.Context) error { return Apply(ctx, s.client, s.options) })
		if err != nil && ctx.Err() == nil {
			cancel(err)
		}
	})
	if waitSynced(ctx, names) {
		close(s.ready)
	}
	group.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// plugins returns the chain in the order that a query takes, and of it the
// plugin that knows the cluster.
func (s *Server) plugins() (*kubernetes.Kubernetes, []plugin.Plugin, error) {
	names, err := kubernetesPlugin(s.options.ClusterDomain, s.options.RestConfig)
	if err != nil {
		return nil, nil, err
	}
	counted := metrics.New("") // counts; it is served by ours, not by its own listener
	counted.AddZone(".")
	failed := &failures{}
	chain := []plugin.Plugin{
		func(next plugin.Handler) plugin.Handler { counted.Next = next; return counted },
		func(next plugin.Handler) plugin.Handler { failed.next = next; return failed },
	}
	for _, part := range []struct{ name, corefile string }{
		{"loadbalance", "loadbalance"},
		// The cluster's names are in memory as it is, and newer.
		{"cache", fmt.Sprintf("cache 30 {\n disable success %[1]s\n disable denial %[1]s\n}", s.options.ClusterDomain)},
	} {
		p, err := pluginOf(part.name, part.corefile)
		if err != nil {
			return nil, nil, err
		}
		chain = append(chain, p)
	}
	return names, append(chain,
		func(next plugin.Handler) plugin.Handler { names.Next = next; return names },
		func(next plugin.Handler) plugin.Handler { s.guard.next = next; return s.guard },
		func(plugin.Handler) plugin.Handler { return s.outside },
	), nil
}

// startNames begins to watch Services, EndpointSlices and namespaces. The
// function that it returns ends that.
func startNames(ctx context.Context, names *kubernetes.Kubernetes) (stop func(), err error) {
	// What the plugin would call at its start also waits for five seconds.
	_, onShutdown, err := names.InitKubeCache(ctx)
	if err != nil {
		return nil, fmt.Errorf("watch the cluster for DNS: %w", err)
	}
	var running sync.WaitGroup
	running.Go(names.APIConn.Run)
	return func() {
		_ = onShutdown() // fails only if called twice
		running.Wait()
	}, nil
}

// syncInterval is how often the plugin is asked whether it knows everything
// yet; it has no way to say so.
const syncInterval = 5 * time.Millisecond

func waitSynced(ctx context.Context, names *kubernetes.Kubernetes) bool {
	ticker := time.NewTicker(syncInterval)
	defer ticker.Stop()
	for !names.APIConn.HasSynced() {
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
	}
	return true
}

// socket is a bound port with what serves on it.
type socket struct {
	address string
	tcp     net.Listener
	udp     net.PacketConn
	metrics net.Listener // instead of the other two
}

// listen binds all ports or none. Unlike CoreDNS it does not set SO_REUSEPORT,
// with which a second server would silently take half of the queries.
func listen(o Options) (sockets []socket, err error) {
	defer func() {
		if err != nil {
			for _, s := range sockets {
				s.close()
			}
		}
	}()
	for _, ip := range o.Addresses {
		s := socket{address: netip.AddrPortFrom(ip, o.Port).String()}
		if s.tcp, err = net.Listen("tcp", s.address); err != nil {
			return sockets, portError(s.address, err)
		}
		sockets = append(sockets, s)
		last := &sockets[len(sockets)-1]
		if last.udp, err = net.ListenPacket("udp", s.address); err != nil {
			return sockets, portError(s.address, err)
		}
	}
	if o.MetricsPort > 0 {
		s := socket{address: net.JoinHostPort(o.Addresses[0].String(), strconv.Itoa(o.MetricsPort))}
		if s.metrics, err = net.Listen("tcp", s.address); err != nil {
			return sockets, portError(s.address, err)
		}
		sockets = append(sockets, s)
	}
	return sockets, nil
}

func portError(address string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen for cluster DNS on %s: %w: another DNS server listens on all addresses of this machine; bind it to its own, or choose another --cluster-dns", address, err)
	}
	return fmt.Errorf("listen for cluster DNS on %s: %w", address, err)
}

func (s socket) close() {
	if s.tcp != nil {
		s.tcp.Close()
	}
	if s.udp != nil {
		s.udp.Close()
	}
	if s.metrics != nil {
		s.metrics.Close()
	}
}

// serve answers until ctx ends, and returns nil then.
func (s socket) serve(ctx context.Context, plugins []plugin.Plugin) error {
	if s.metrics != nil {
		return s.serveMetrics(ctx)
	}
	server, err := dnsserver.NewServer("dns://"+s.address, []*dnsserver.Config{{
		Zone: ".", Transport: "dns", ListenHosts: []string{""}, Plugin: plugins,
	}})
	if err != nil {
		s.close()
		return fmt.Errorf("serve DNS on %s: %w", s.address, err)
	}
	ended := make(chan error, 2)
	go func() { ended <- server.Serve(s.tcp) }()
	go func() { ended <- server.ServePacket(s.udp) }()
	left := 2
	select {
	case <-ctx.Done():
	case err = <-ended:
		left--
		if err == nil {
			err = errors.New("stopped listening")
		}
		err = fmt.Errorf("serve DNS on %s: %w", s.address, err)
	}
	_ = server.Stop() // its error says that a client was too slow to take its answer
	s.close()         // for a server that had not begun when it was stopped
	for range left {
		<-ended
	}
	return err
}

func (s socket) serveMetrics(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(prometheus.GathererFunc(ownMetrics), promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, IdleTimeout: 30 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(s.metrics); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve DNS metrics on %s: %w", s.address, err)
	}
	return nil
}

// ownMetrics returns CoreDNS's metrics only: every component of this process
// that uses the Prometheus library's own registry, etcd among them, is in there
// with it, and pods can read this page.
func ownMetrics() ([]*dto.MetricFamily, error) {
	all, err := prometheus.DefaultGatherer.Gather()
	own := all[:0]
	for _, family := range all {
		if strings.HasPrefix(family.GetName(), "coredns_") {
			own = append(own, family)
		}
	}
	return own, err
}
