package dns

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/coredns/coredns/plugin/test"
	"github.com/miekg/dns"
)

func TestAnotherResolvConfIsFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := &Server{options: Options{ResolvConf: path}, outside: newOutside(), guard: newLoopGuard(func() {})}
	defer s.outside.stop()
	servers := func() string {
		s.outside.mu.RLock()
		defer s.outside.mu.RUnlock()
		if len(s.outside.servers) != 1 {
			return ""
		}
		return s.outside.servers[0]
	}

	// Nothing listens on these, which the node refuses at once.
	write("nameserver 127.0.0.77\n")
	known := stampOf(path)
	s.readResolvConf(t.Context())
	if got := servers(); got != "127.0.0.77:53" {
		t.Fatalf("servers %q", got)
	}
	go s.follow(t.Context(), known)
	write("# moved\nnameserver 127.0.0.78\n")
	for deadline := time.Now().Add(10 * time.Second); servers() != "127.0.0.78:53"; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("servers are %q 10 s after the file changed", servers())
		}
		s.outside.checked.Store(0)
		_, _ = s.outside.ServeDNS(t.Context(), &test.ResponseWriter{}, new(dns.Msg).SetQuestion("example.com.", dns.TypeA))
	}

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s.readResolvConf(t.Context())
	if got := servers(); got != "127.0.0.78:53" {
		t.Errorf("without a file: servers %q, want them kept", got)
	}
}
