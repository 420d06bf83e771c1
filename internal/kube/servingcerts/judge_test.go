package servingcerts

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func request(t *testing.T, user, commonName string, names []string, addresses ...string) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.CertificateRequest{
		Subject:  pkix.Name{CommonName: commonName, Organization: []string{"system:nodes"}},
		DNSNames: names,
	}
	for _, address := range addresses {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(address))
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return &certificatesv1.CertificateSigningRequest{Spec: certificatesv1.CertificateSigningRequestSpec{
		Request:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}),
		Username: user,
		Usages:   []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageServerAuth},
	}}
}

func node(name string, addresses ...string) *v1.Node {
	n := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, address := range addresses {
		n.Status.Addresses = append(n.Status.Addresses, v1.NodeAddress{Type: v1.NodeInternalIP, Address: address})
	}
	return n
}

func TestNodeGetsItsOwnNamesOnly(t *testing.T) {
	taken := Claims{
		Names:     []string{"localhost", "server", "api.example"},
		Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
		Ranges:    []netip.Prefix{netip.MustParsePrefix("10.43.0.0/16")},
	}
	// A node says its addresses itself: this one claims all there are.
	nodes := []*v1.Node{
		node("server", "192.0.2.1"), node("a", "192.0.2.2", "192.0.2.3", "192.0.2.1", "10.43.0.1", "127.0.0.1"), node("b", "192.0.2.3"),
	}
	for _, tc := range []struct {
		name    string
		request *certificatesv1.CertificateSigningRequest
		want    string // part of the refusal; empty if approved
		later   bool
	}{
		{"its own", request(t, "system:node:a", "system:node:a", []string{"a"}, "192.0.2.2"), "", false},
		{"another node's", request(t, "system:node:a", "system:node:b", []string{"b"}, "192.0.2.2"), "asks for a certificate of system:node:b", false},
		{"a name of the API server", request(t, "system:node:a", "system:node:a", []string{"api.example"}, "192.0.2.2"), "api.example is not the node's", false},
		{"the address of the API server", request(t, "system:node:a", "system:node:a", []string{"a"}, "192.0.2.1"), "API server's", false},
		{"loopback", request(t, "system:node:a", "system:node:a", []string{"a"}, "127.0.0.1"), "API server's", false},
		{"a Service's address", request(t, "system:node:a", "system:node:a", []string{"a"}, "10.43.0.1"), "range 10.43.0.0/16", false},
		{"an address that another node has too", request(t, "system:node:a", "system:node:a", []string{"a"}, "192.0.2.3"), "that of node b too", false},
		{"an address that it has not told yet", request(t, "system:node:a", "system:node:a", []string{"a"}, "192.0.2.9"), "not that of node a", true},
		{"before it has registered", request(t, "system:node:c", "system:node:c", []string{"c"}, "192.0.2.9"), "no node c", true},
		{"nothing at all", request(t, "system:node:a", "system:node:a", nil), "DNS or IP", false},
		{"the server's node, as somebody else", request(t, "admin", "system:node:server", []string{"server"}, "192.0.2.1"), "admin asks", false},
	} {
		err := judge(tc.request, nodes, taken)
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: refused: %v", tc.name, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: %v, want a refusal that says %q", tc.name, err, tc.want)
		case errors.Is(err, errLater) != tc.later:
			t.Errorf("%s: %v; looked at again = %v, want %v", tc.name, err, !tc.later, tc.later)
		}
	}
}

func TestNoRequest(t *testing.T) {
	broken := request(t, "system:node:a", "system:node:a", []string{"a"})
	for name, data := range map[string][]byte{"no PEM": []byte("x"), "no request": pem.EncodeToMemory(&pem.Block{Type: "X", Bytes: []byte("x")})} {
		broken.Spec.Request = data
		if err := judge(broken, []*v1.Node{node("a")}, Claims{}); err == nil || errors.Is(err, errLater) {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
}
