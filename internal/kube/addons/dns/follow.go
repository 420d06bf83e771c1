package dns

import (
	"context"
	"os"
	"time"

	"github.com/miekg/dns"
	"k8s.io/klog/v2"
)

// stamp tells one version of a file from another; zero where there is no file.
type stamp struct {
	modified time.Time
	size     int64
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}

// follow keeps the servers outside in step with the resolv.conf, until ctx
// ends. A machine that moves to another network gets another one.
func (s *Server) follow(ctx context.Context, known stamp) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.outside.due:
		}
		if now := stampOf(s.options.ResolvConf); now != known {
			known = now
			s.readResolvConf(ctx)
		}
	}
}

// readResolvConf starts to use the servers that the resolv.conf names. A file
// that cannot be read leaves things as they are.
func (s *Server) readResolvConf(ctx context.Context) {
	log := klog.FromContext(ctx)
	servers, err := upstreamsOf(s.options.ResolvConf, s.options.Addresses)
	if err != nil {
		log.Error(err, "DNS goes on with the servers that it has")
		return
	}
	if len(servers) == 0 {
		log.Info("No DNS server outside the cluster is known, so only the cluster's own names can be resolved", "resolvConf", s.options.ResolvConf)
	}
	changed, err := s.outside.use(ctx, servers)
	if err != nil {
		log.Error(err, "DNS goes on with the servers that it has")
		return
	}
	if changed {
		s.guard.rearm()
		s.probeForLoop(ctx, servers)
	}
}

// probeForLoop sends a query that must not come back. Nothing hangs on the
// answer.
func (s *Server) probeForLoop(ctx context.Context, servers []string) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for _, server := range servers {
		if _, _, err := new(dns.Client).ExchangeContext(ctx, s.guard.probe(), server); err != nil {
			klog.FromContext(ctx).V(2).Info("DNS server outside the cluster did not answer", "server", server, "err", err)
		}
	}
}
