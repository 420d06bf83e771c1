package dns

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"
	"github.com/miekg/dns"
)

func TestUpstreams(t *testing.T) {
	own := []netip.Addr{netip.MustParseAddr("10.43.0.10")}
	for _, test := range []struct{ name, resolvConf, want string }{
		{"plain", "search example.com\nnameserver 192.0.2.1\nnameserver 2001:db8::1\n", "192.0.2.1:53 [2001:db8::1]:53"},
		{"loopback is reachable from the node", "nameserver 127.0.0.53\noptions edns0", "127.0.0.53:53"},
		{"ourselves", "nameserver 10.43.0.10\nnameserver ::ffff:10.43.0.10\nnameserver 192.0.2.1", "192.0.2.1:53"},
		{"twice the same, and spaces", "  nameserver\t192.0.2.1  # x\nnameserver 192.0.2.1", "192.0.2.1:53"},
		{"zone", "nameserver fe80::1%eth0", "[fe80::1%eth0]:53"},
		{"nothing to use", "# nameserver 192.0.2.1\nnameserver\nnameserver dns.example.com", ""},
		{"more than forward takes", strings.Repeat("nameserver 192.0.2.1\n", 3) + many(20), manyWant(maxUpstreams)},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := upstreams(strings.NewReader(test.resolvConf), own)
			if err != nil || strings.Join(got, " ") != test.want {
				t.Errorf("upstreams = %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("nameserver " + netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}).String() + "\n")
	}
	return b.String()
}

func manyWant(n int) string {
	var servers []string
	for i := range n {
		servers = append(servers, netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}).String()+":53")
	}
	return strings.Join(servers, " ")
}

// answering starts a DNS server that gives every name the address ip.
func answering(t *testing.T, ip string) (address string) {
	t.Helper()
	server := dnstest.NewServer(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		m.Answer = []dns.RR{test.A(r.Question[0].Name + " 30 IN A " + ip)}
		_ = w.WriteMsg(m)
	})
	t.Cleanup(server.Close)
	return server.Addr
}

func ask(t *testing.T, o *outside) (rcode int, answer string) {
	t.Helper()
	recorder := dnstest.NewRecorder(&test.ResponseWriter{})
	rcode, err := o.ServeDNS(context.Background(), recorder, new(dns.Msg).SetQuestion("example.com.", dns.TypeA))
	if err != nil {
		t.Fatal(err)
	}
	if recorder.Msg == nil || len(recorder.Msg.Answer) == 0 {
		return rcode, ""
	}
	return rcode, recorder.Msg.Answer[0].(*dns.A).A.String()
}

func TestOutsideChangesItsServers(t *testing.T) {
	o := newOutside()
	defer o.stop()
	if rcode, _ := ask(t, o); rcode != dns.RcodeServerFailure {
		t.Errorf("without servers: %s, want SERVFAIL", dns.RcodeToString[rcode])
	}
	for _, ip := range []string{"192.0.2.7", "192.0.2.8"} {
		changed, err := o.use(t.Context(), []string{answering(t, ip)})
		if err != nil || !changed {
			t.Fatalf("use = %v, %v", changed, err)
		}
		if _, got := ask(t, o); got != ip {
			t.Errorf("answer %q, want %s", got, ip)
		}
	}
	if changed, err := o.use(t.Context(), slices.Clone(o.servers)); changed || err != nil {
		t.Errorf("use of the same servers = %v, %v; want no change", changed, err)
	}
	o.loopFound(t.Context())
	if rcode, _ := ask(t, o); rcode != dns.RcodeServerFailure {
		t.Errorf("after a loop: %s, want SERVFAIL", dns.RcodeToString[rcode])
	}
	if _, err := o.use(t.Context(), []string{answering(t, "192.0.2.9")}); err != nil {
		t.Fatal(err)
	}
	if _, got := ask(t, o); got != "192.0.2.9" {
		t.Errorf("with other servers after a loop: %q", got)
	}
}

func TestQueriesAskForALookAtTheFileNowAndThen(t *testing.T) {
	o := newOutside()
	ask(t, o)
	select {
	case <-o.due:
	default:
		t.Fatal("the first query asks for no look")
	}
	ask(t, o)
	select {
	case <-o.due:
		t.Fatal("the second query at once asks again")
	default:
	}
	o.checked.Store(time.Now().Add(-2 * checkInterval).UnixNano())
	ask(t, o)
	if len(o.due) != 1 {
		t.Error("a query after the interval asks for no look")
	}
}

func TestLoopIsFoundOnceAndEnds(t *testing.T) {
	found := 0
	g := newLoopGuard(func() { found++ })
	g.next = test.HandlerFunc(func(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) { return dns.RcodeSuccess, nil })
	for range 3 {
		if rcode, _ := g.ServeDNS(t.Context(), &test.ResponseWriter{}, g.probe()); rcode != dns.RcodeNameError {
			t.Errorf("a probe that came back gets %s, want NXDOMAIN", dns.RcodeToString[rcode])
		}
	}
	if found != 1 {
		t.Errorf("found %d times, want once", found)
	}
	other := new(dns.Msg).SetQuestion("example.com.", dns.TypeHINFO)
	if rcode, _ := g.ServeDNS(t.Context(), &test.ResponseWriter{}, other); rcode != dns.RcodeSuccess {
		t.Errorf("another query gets %s, want the next plugin's answer", dns.RcodeToString[rcode])
	}
	g.rearm()
	if _, err := g.ServeDNS(t.Context(), &test.ResponseWriter{}, g.probe()); err != nil || found != 2 {
		t.Errorf("after rearm: found %d times, %v", found, err)
	}
}

func TestListenSaysWhoMayBeInTheWay(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := netip.MustParseAddrPort(taken.Addr().String())
	_, err = listen(Options{Addresses: []netip.Addr{address.Addr()}, Port: address.Port(), MetricsPort: -1})
	if err == nil || !strings.Contains(err.Error(), "another DNS server") {
		t.Errorf("listen = %v, want a word about another DNS server", err)
	}
}
