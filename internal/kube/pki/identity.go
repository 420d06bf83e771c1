package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Identity is who a certificate speaks for. One with Hosts serves TLS under
// those names; every one may act as client.
type Identity struct {
	// Name is the file's, without ".pem".
	Name string
	// CommonName and Organizations become user and groups in Kubernetes.
	CommonName    string
	Organizations []string
	// Hosts are the DNS names and IP addresses that it serves.
	Hosts []string
	// Lifetime of its certificates; renewed when a third is left.
	Lifetime time.Duration
	// WithAuthority sends the authority's certificate along, for those who know
	// it by its hash only.
	WithAuthority bool
}

// File is where an identity's certificate and key are, in one PEM file, below
// the store's folder.
func (s *Store) File(identity string) string { return filepath.Join(s.dir, identity+".pem") }

// ensureIdentity issues identity anew unless a usable certificate is there, and
// says whether it did.
func (s *Store) ensureIdentity(authority *Authority, identity Identity) (issued bool, err error) {
	path := s.File(identity.Name)
	if data, err := os.ReadFile(path); err == nil && s.usable(data, authority, identity) {
		return false, nil
	}
	data, err := s.issue(authority, identity)
	if err != nil {
		return false, fmt.Errorf("issue certificate %s: %w", identity.Name, err)
	}
	return true, writeFile(path, data, 0o600)
}

// usable says whether a certificate still has a third of its life before it,
// and is what identity asks for.
func (s *Store) usable(data []byte, authority *Authority, identity Identity) bool {
	certificate, _, err := parsePair(data)
	if err != nil {
		return false
	}
	now := s.now()
	return certificate.CheckSignatureFrom(authority.Certificate) == nil &&
		now.After(certificate.NotBefore) &&
		now.Before(certificate.NotAfter.Add(-identity.Lifetime/3)) &&
		// A certificate that outlives its lifetime was made under a clock ahead.
		!certificate.NotAfter.After(now.Add(identity.Lifetime)) &&
		certificate.Subject.CommonName == identity.CommonName &&
		slices.Equal(certificate.Subject.Organization, identity.Organizations) &&
		slices.Equal(hostsOf(certificate), sorted(identity.Hosts)) &&
		(!identity.WithAuthority || bytes.Contains(data, encodeCertificate(authority.Certificate)))
}

func hostsOf(certificate *x509.Certificate) []string {
	hosts := slices.Clone(certificate.DNSNames)
	for _, ip := range certificate.IPAddresses {
		hosts = append(hosts, ip.String())
	}
	return sorted(hosts)
}

func sorted(hosts []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(hosts)))
}

func (s *Store) issue(authority *Authority, identity Identity) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: identity.CommonName, Organization: identity.Organizations},
		NotBefore:    s.now().Add(-clockSkew),
		NotAfter:     s.now().Add(identity.Lifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, host := range sorted(identity.Hosts) {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	if len(identity.Hosts) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, authority.Certificate, key.Public(), authority.key)
	if err != nil {
		return nil, err
	}
	pair, err := encodePair(der, key)
	if err != nil || !identity.WithAuthority {
		return pair, err
	}
	return append(pair, encodeCertificate(authority.Certificate)...), nil
}

// Certificate returns an identity's certificate as it is now.
func (s *Store) Certificate(identity string) (*x509.Certificate, error) {
	data, err := os.ReadFile(s.File(identity))
	if err != nil {
		return nil, fmt.Errorf("read certificate %s: %w", identity, err)
	}
	certificate, _, err := parsePair(data)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s: %w", identity, err)
	}
	return certificate, nil
}

// EncodeForKubeconfig returns an identity's certificate and key apart.
func (s *Store) EncodeForKubeconfig(identity string) (certificate, key []byte, err error) {
	data, err := os.ReadFile(s.File(identity))
	if err != nil {
		return nil, nil, fmt.Errorf("read certificate %s: %w", identity, err)
	}
	split := bytes.Index(data, []byte("-----BEGIN PRIVATE KEY-----"))
	if split < 0 {
		return nil, nil, fmt.Errorf("certificate %s has no key", identity)
	}
	return data[:split], data[split:], nil
}
