package dns

import (
	"context"
	"crypto/rand"
	"strings"
	"sync/atomic"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
)

// loopGuard finds out whether the servers outside send our queries back to us.
// CoreDNS's plugin loop does that by ending the process.
//
// It is the idea of that plugin: a query for a name that nobody else knows is
// sent on its way; if it comes in from the network, somebody sent it back.
type loopGuard struct {
	next  plugin.Handler
	name  string
	found func()
	fired atomic.Bool
}

func newLoopGuard(found func()) *loopGuard {
	return &loopGuard{name: strings.ToLower(rand.Text()) + ".loop.bulkhead.invalid.", found: found}
}

var _ plugin.Handler = (*loopGuard)(nil)

func (g *loopGuard) Name() string { return "loopguard" }

func (g *loopGuard) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if len(r.Question) == 1 && strings.EqualFold(r.Question[0].Name, g.name) {
		if g.fired.CompareAndSwap(false, true) {
			g.found()
		}
		return dns.RcodeNameError, nil // ends the loop
	}
	return plugin.NextOrFailure(g.Name(), g.next, ctx, w, r)
}

// rearm lets the guard report again, for new servers.
func (g *loopGuard) rearm() { g.fired.Store(false) }

// probe is the query to send.
func (g *loopGuard) probe() *dns.Msg {
	return new(dns.Msg).SetQuestion(g.name, dns.TypeHINFO)
}
