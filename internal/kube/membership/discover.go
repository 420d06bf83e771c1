package membership

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/bulkhead-k8s/bulkhead/internal/jointoken"
)

// ErrOtherCluster indicates that the server has another certificate authority than
// the one it was expected to have.
var ErrOtherCluster = errors.New("another certificate authority")

// Discover connects to a server and returns the certificate of its authority, in
// PEM, if that has the key that pin is the hash of and has signed for the server.
// The server sends it along with its own, so nothing is asked of the server before
// it is known to be the right one.
func Discover(ctx context.Context, server, pin string) ([]byte, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("server %q: %w", server, err)
	}
	dialer := tls.Dialer{Config: &tls.Config{
		InsecureSkipVerify: true, //nolint:gosec // verified below, once the authority is known
		NextProtos:         []string{"http/1.1"},
	}}
	conn, err := dialer.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, fmt.Errorf("reach the server %s: %w; is it up, and is its port open to this machine?", server, err)
	}
	defer conn.Close()
	chain := conn.(*tls.Conn).ConnectionState().PeerCertificates
	authority, err := pinned(chain, pin, u.Hostname())
	if err != nil {
		return nil, fmt.Errorf("the server %s: %w", server, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Raw}), nil
}

// pinned returns the authority in a server's chain that has the key, if the server's
// own certificate is signed by it and for host.
func pinned(chain []*x509.Certificate, pin, host string) (*x509.Certificate, error) {
	var authority *x509.Certificate
	for _, certificate := range chain {
		if certificate.IsCA && jointoken.PinOf(certificate) == pin {
			authority = certificate
		}
	}
	if authority == nil {
		return nil, fmt.Errorf("it has %w than the token's: the token is another cluster's, or something between here and the server is not what it seems", ErrOtherCluster)
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots})
	if err == nil {
		err = chain[0].VerifyHostname(host)
	}
	if hostname := (x509.HostnameError{}); errors.As(err, &hostname) {
		return nil, fmt.Errorf("its certificate is not for %s; use one of its addresses, or start it with --tls-san %s: %w", host, host, err)
	}
	if err != nil {
		return nil, fmt.Errorf("its certificate: %w", err)
	}
	return authority, nil
}

// withPort is a server's URL with the port that servers have by default.
func withPort(server string) (string, error) {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" {
		return "", fmt.Errorf("server %q: want https://ADDRESS or https://ADDRESS:PORT", server)
	}
	port := u.Port()
	if port == "" {
		port = "6443"
	}
	return "https://" + net.JoinHostPort(u.Hostname(), port), nil
}
