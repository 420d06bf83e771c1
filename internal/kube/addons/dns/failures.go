package dns

import (
	"context"
	"sync"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
	"k8s.io/klog/v2"
)

// failures writes failed queries to the log. CoreDNS's plugin errors writes each:
// a machine without a network fills its disk with them.
type failures struct {
	next plugin.Handler

	mu       sync.Mutex // guards the following
	written  time.Time
	withheld int
}

// failureInterval is the time between two lines.
const failureInterval = time.Minute

var _ plugin.Handler = (*failures)(nil)

func (f *failures) Name() string { return "errors" }

func (f *failures) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	rcode, err := plugin.NextOrFailure(f.Name(), f.next, ctx, w, r)
	if err == nil {
		return rcode, nil
	}
	if withheld, write := f.due(time.Now()); write && len(r.Question) > 0 {
		klog.FromContext(ctx).Info("DNS query failed", "name", r.Question[0].Name, "type", dns.TypeToString[r.Question[0].Qtype], "err", err, "failedSinceLastLine", withheld)
	}
	return rcode, err
}

// due says whether this failure is to be written, and how many were not since
// the last that was.
func (f *failures) due(now time.Time) (withheld int, write bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.written) < failureInterval {
		f.withheld++
		return 0, false
	}
	withheld = f.withheld
	f.written, f.withheld = now, 0
	return withheld, true
}
