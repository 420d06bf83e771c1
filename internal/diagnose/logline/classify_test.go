package logline

import (
	"reflect"
	"testing"
)

func TestClassify(t *testing.T) {
	for _, tt := range []struct {
		line   string
		id     ID
		target string
		addrs  []string
	}{
		{`WARN 1 --- [oundedElastic-1] o.s.c.l.core.RoundRobinLoadBalancer      : No servers available for service: stock`, Unavailable, "stock", nil},
		{`dial tcp 10.0.0.1:6379: connect: connection refused`, ConnectionRefused, "", []string{"10.0.0.1:6379"}},
		{`java.sql.SQLException: Access denied for user 'shop'@'10.1.2.3' (using password: YES)`, DBAccessDenied, "shop", nil},
		{`FATAL:  password authentication failed for user "orders"`, DBAccessDenied, "orders", nil},
		{`java.net.UnknownHostException: stock-db: Name or service not known`, NameResolution, "stock-db", nil},
		{`dial tcp: lookup cart.shop on 10.96.0.10:53: no such host`, NameResolution, "cart.shop", []string{"10.96.0.10:53"}},
		{`Error: getaddrinfo ENOTFOUND payments`, NameResolution, "payments", nil},
		{`Error: listen EADDRINUSE: address already in use :::8080`, AddressInUse, "8080", nil},
		{`[emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)`, AddressInUse, "80", nil},
		{`Web server failed to start. Port 8080 was already in use.`, AddressInUse, "8080", nil},
		{`I/O error on GET request for "http://stock:9000/v1": Connection refused`, ConnectionRefused, "", []string{"stock:9000"}},
		{`open /data/cart.db: permission denied`, PermissionDenied, "/data/cart.db", nil},
		{`The MySQL server is running with the --read-only option so it cannot execute this statement`, DBReadOnly, "", nil},
		{`server listening at [::]:50051`, Listening, "50051", nil},
		{`Tomcat started on port(s): 8080 (http)`, Listening, "8080", nil},
		{`pods is forbidden: User "system:serviceaccount:shop:web" cannot list resource "pods"`, Forbidden, "system:serviceaccount:shop:web", nil},
		{`x509: certificate has expired or is not yet valid`, CertificateExpired, "", nil},
		{`x509: certificate has expired or is not yet valid: current time 2026-11-20T10:30:10Z is before 2026-11-20T10:36:00Z`, ClockSkew, "", nil},
		{`err="statefulsets.apps is forbidden: User \"system:serviceaccount:ops:kafka\" cannot list resource"`, Forbidden, "system:serviceaccount:ops:kafka", nil},
		{`dial tcp: lookup recs.fashion on 10.96.0.10:53: read udp 10.244.1.5:4040->10.96.0.10:53: i/o timeout`, NameServerSilent, "recs.fashion", []string{"10.96.0.10:53"}},
	} {
		got, ok := Classify(tt.line)
		if !ok || got.ID != tt.id || got.Target != tt.target {
			t.Errorf("%q: got %v %q %v, want %v %q", tt.line, got.ID, got.Target, ok, tt.id, tt.target)
		}
		var addrs []string
		for _, a := range got.Addresses {
			addrs = append(addrs, a.String())
		}
		if tt.addrs != nil && !reflect.DeepEqual(addrs, tt.addrs) {
			t.Errorf("%q: addresses %v, want %v", tt.line, addrs, tt.addrs)
		}
	}
	for _, line := range []string{"GET /health 200", "order 17 placed", ""} {
		if got, ok := Classify(line); ok {
			t.Errorf("%q: got %v, want nothing", line, got.ID)
		}
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"jdbc:mysql://orders-db:3306/orders?useSSL=false": "orders-db:3306",
		"redis://:secret@cache.shop.svc:6379/0":           "cache.shop.svc:6379",
		"stock:9000":                                      "stock:9000",
		"http://api":                                      "api",
	} {
		got := Addresses(text)
		if len(got) != 1 || got[0].String() != want {
			t.Errorf("%q: got %v, want %s", text, got, want)
		}
	}
	for _, text := range []string{"at 12:30:45", "main.go:120", "8080", "debug"} {
		if got := Addresses(text); len(got) != 0 {
			t.Errorf("%q: got %v, want none", text, got)
		}
	}
}

func FuzzClassify(f *testing.F) {
	f.Add("dial tcp 10.0.0.1:6379: connect: connection refused")
	f.Fuzz(func(t *testing.T, line string) {
		hit, ok := Classify(line)
		if ok && hit.ID == "" {
			t.Error("a hit without a pattern")
		}
	})
}

func BenchmarkClassify(b *testing.B) {
	line := `2026-01-02T15:04:05Z INFO order placed id=1762 user=42 total=18.20 currency=EUR took=12ms`
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		Classify(line)
	}
}
