package membership

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/bulkhead-k8s/bulkhead/internal/jointoken"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
)

// server answers with the certificate of a new cluster, whose pin it returns.
func server(t *testing.T) (port, pin string) {
	t.Helper()
	store, err := pki.Ensure(pki.Options{Dir: t.TempDir(), NodeName: "server", NodeIP: "192.0.2.1", ServiceIP: "10.43.0.1", ClusterDomain: "cluster.local"})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(store.File(pki.APIServer), store.File(pki.APIServer))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{
		Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			t.Error("something was asked of a server that may be anybody")
		}),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
	}
	go func() { _ = s.ServeTLS(listener, "", "") }()
	t.Cleanup(func() { _ = s.Close() })
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return port, jointoken.PinOf(store.ServerCA.Certificate)
}

func TestServerIsKnownByItsAuthority(t *testing.T) {
	port, pin := server(t)
	authority, err := Discover(t.Context(), "https://127.0.0.1:"+port, pin)
	if err != nil || !strings.Contains(string(authority), "BEGIN CERTIFICATE") {
		t.Errorf("the right server: %q, %v", authority, err)
	}
	_, other := server(t)
	if _, err := Discover(t.Context(), "https://127.0.0.1:"+port, other); !errors.Is(err, ErrOtherCluster) {
		t.Errorf("the token of another cluster: %v", err)
	}
	// 127.0.0.2 is the same server, under an address that it has no certificate for.
	if _, err := Discover(t.Context(), "https://127.0.0.2:"+port, pin); err == nil || !strings.Contains(err.Error(), "--tls-san 127.0.0.2") {
		t.Errorf("an address that the certificate lacks: %v", err)
	}
	if _, err := Discover(t.Context(), "https://127.0.0.1:1", pin); err == nil || !strings.Contains(err.Error(), "is it up") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestPortOfAServer(t *testing.T) {
	for given, want := range map[string]string{
		"https://192.0.2.1":       "https://192.0.2.1:6443",
		"https://api.example:443": "https://api.example:443",
		"https://[2001:db8::1]/":  "https://[2001:db8::1]:6443",
		"192.0.2.1":               "",
	} {
		got, err := withPort(given)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", given, got, err, want)
		}
	}
}
