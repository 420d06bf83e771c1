package dns

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"k8s.io/client-go/rest"
)

func freePort(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String()).Port()
}

// An API server that is not up must not keep DNS from answering for what is
// outside, nor make it say that the cluster's names do not exist: clients would
// remember that.
func TestServerAnswersBeforeTheAPIIsUp(t *testing.T) {
	resolvConf := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(resolvConf, []byte("# none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	port, metricsPort := freePort(t), freePort(t)
	s, err := New(Options{
		RestConfig:  &rest.Config{Host: "https://127.0.0.1:" + strconv.Itoa(int(freePort(t)))},
		Addresses:   []netip.Addr{netip.MustParseAddr("127.0.0.1")},
		Port:        port,
		MetricsPort: int(metricsPort),
		ResolvConf:  resolvConf,
		Interface:   "-",
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()

	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port)))
	for _, network := range []string{"udp", "tcp"} {
		client := &dns.Client{Net: network, Timeout: time.Second}
		var answer *dns.Msg
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			answer, _, err = client.Exchange(new(dns.Msg).SetQuestion("kubernetes.default.svc.cluster.local.", dns.TypeA), address)
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: no answer within 10 s: %v", network, err)
			}
		}
		if answer.Rcode != dns.RcodeServerFailure {
			t.Errorf("%s: %s, want SERVFAIL", network, dns.RcodeToString[answer.Rcode])
		}
	}
	select {
	case <-s.Ready():
		t.Error("ready without an API")
	default:
	}

	response, err := http.Get("http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(int(metricsPort))) + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "coredns_dns_requests_total") || strings.Contains(string(page), "go_goroutines") {
		t.Errorf("metrics page is not CoreDNS's own:\n%.2000s", page)
	}

	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("Run = %v after its context ended, want nil", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Run does not end with its context")
	}
}
