package dns

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/forward"
	"github.com/miekg/dns"
	"k8s.io/klog/v2"
)

// maxUpstreams is what CoreDNS's forward plugin takes.
const maxUpstreams = 15

// upstreams reads the servers that a resolv.conf names, without those that are
// ourselves. A loopback address is fine: unlike a pod's CoreDNS, this one is on
// the node, where systemd-resolved and dnsmasq answer on loopback.
func upstreams(resolvConf io.Reader, own []netip.Addr) ([]string, error) {
	var servers []string
	lines := bufio.NewScanner(resolvConf)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		address, err := netip.ParseAddr(fields[1])
		if err != nil || slices.Contains(own, address.Unmap()) {
			continue // a resolver skips what it cannot read, too
		}
		server := net.JoinHostPort(address.String(), strconv.Itoa(53))
		if !slices.Contains(servers, server) && len(servers) < maxUpstreams {
			servers = append(servers, server)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	return servers, nil
}

func upstreamsOf(path string, own []netip.Addr) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("find the DNS servers outside the cluster: %w", err)
	}
	defer file.Close()
	servers, err := upstreams(file, own)
	if err != nil {
		return nil, fmt.Errorf("find the DNS servers outside the cluster in %s: %w", path, err)
	}
	return servers, nil
}

// checkInterval is how often the resolv.conf is looked at, while queries come
// in. A machine that asks nothing does nothing, and no inotify instance, of
// which a user has 128, is held.
const checkInterval = 5 * time.Second

// outside is the last plugin: it forwards what is not the cluster's own. Its
// servers can change while it works. Without servers, and once a loop was found,
// queries fail at once instead of in a time-out.
type outside struct {
	mu      sync.RWMutex // guards the following
	forward *forward.Forward
	servers []string
	broken  bool

	checked atomic.Int64  // when due was last sent to, in Unix nanoseconds
	due     chan struct{} // asks for a look at the resolv.conf
}

var _ plugin.Handler = (*outside)(nil)

func newOutside() *outside { return &outside{due: make(chan struct{}, 1)} }

func (o *outside) Name() string { return "forward" }

func (o *outside) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if now, last := time.Now().UnixNano(), o.checked.Load(); now-last > int64(checkInterval) && o.checked.CompareAndSwap(last, now) {
		select {
		case o.due <- struct{}{}:
		default:
		}
	}
	o.mu.RLock()
	next := o.forward
	if o.broken {
		next = nil
	}
	o.mu.RUnlock()
	if next == nil {
		return dns.RcodeServerFailure, nil
	}
	return next.ServeDNS(ctx, w, r)
}

// use makes servers the ones that queries go to, and says whether they are
// others than before.
func (o *outside) use(ctx context.Context, servers []string) (changed bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.forward != nil && slices.Equal(servers, o.servers) {
		return false, nil
	}
	var next *forward.Forward
	if len(servers) > 0 {
		handler, err := handlerOf("forward", "forward . "+strings.Join(servers, " ")+" {\n max_concurrent 1000\n failfast_all_unhealthy_upstreams\n}")
		if err != nil {
			return false, err
		}
		next = handler.(*forward.Forward)
		if err := next.OnStartup(); err != nil {
			return false, fmt.Errorf("start forwarding DNS to %v: %w", servers, err)
		}
	}
	previous := o.forward
	o.forward, o.servers, o.broken = next, servers, false
	if previous != nil {
		_ = previous.OnShutdown() // ends its health checks; it has no other error than nil
	}
	klog.FromContext(ctx).V(1).Info("Forwarding DNS", "servers", servers)
	return true, nil
}

// loopFound stops forwarding until there are other servers.
func (o *outside) loopFound(ctx context.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.broken {
		o.broken = true
		klog.FromContext(ctx).Error(nil, "The DNS servers outside the cluster send queries back to the cluster's DNS, so only the cluster's own names can be resolved: name other servers in --resolv-conf", "servers", o.servers)
	}
}

func (o *outside) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.forward != nil {
		_ = o.forward.OnShutdown()
		o.forward = nil
	}
}
