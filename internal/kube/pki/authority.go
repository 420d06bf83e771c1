package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

const (
	// authorityLifetime is that of the authorities. Ten years is what kubeadm
	// and k3s use; they are renewed by hand, because all trust hangs on them.
	authorityLifetime = 10 * 365 * 24 * time.Hour
	// clockSkew is how far certificates are dated back, so that a machine whose
	// clock is a little behind accepts them.
	clockSkew = 10 * time.Minute
)

// Authority is a certificate authority with its key.
type Authority struct {
	Certificate *x509.Certificate
	key         crypto.Signer
	// CertFile holds the certificate alone, for those who only have to trust it.
	CertFile string
	// BundleFile holds certificate and key.
	BundleFile string
}

// ensureAuthority loads the authority name, or makes it if it does not exist.
// A file that exists but cannot be used is an error that says what to do.
func (s *Store) ensureAuthority(name string) (*Authority, error) {
	authority := &Authority{
		CertFile:   filepath.Join(s.dir, name+".crt"),
		BundleFile: filepath.Join(s.dir, name+".pem"),
	}
	data, err := os.ReadFile(authority.BundleFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if data, err = s.newAuthority(name); err != nil {
			return nil, fmt.Errorf("make certificate authority %s: %w", name, err)
		}
		if err := writeFile(authority.BundleFile, data, 0o600); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, fmt.Errorf("read certificate authority %s: %w", name, err)
	}

	authority.Certificate, authority.key, err = parsePair(data)
	if err != nil {
		return nil, fmt.Errorf("certificate authority %s is damaged: %w; restore it from a backup, or run `bulkhead reset` to begin a new cluster", authority.BundleFile, err)
	}
	if now := s.now(); now.After(authority.Certificate.NotAfter) {
		return nil, fmt.Errorf("certificate authority %s expired on %s (the clock says %s); correct the clock, or restore a valid authority",
			authority.BundleFile, authority.Certificate.NotAfter.Format(time.DateOnly), now.Format(time.DateTime))
	} else if now.Before(authority.Certificate.NotBefore) {
		return nil, fmt.Errorf("the clock says %s, before the certificate authority %s was made (%s); correct the clock",
			now.Format(time.DateTime), authority.BundleFile, authority.Certificate.NotBefore.Format(time.DateTime))
	}
	// Derived, and rewritten at each start, so that it cannot disagree.
	return authority, writeFile(authority.CertFile, encodeCertificate(authority.Certificate), 0o644)
}

func (s *Store) newAuthority(name string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "bulkhead-" + name},
		NotBefore:             s.now().Add(-clockSkew),
		NotAfter:              s.now().Add(authorityLifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return encodePair(der, key)
}

func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}

func encodeCertificate(certificate *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
}

func encodePair(der []byte, key crypto.Signer) ([]byte, error) {
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...), nil
}

// parsePair reads what encodePair wrote and checks that the two belong together.
func parsePair(data []byte) (*x509.Certificate, crypto.Signer, error) {
	var certificate *x509.Certificate // the first; an authority's may follow
	var key crypto.Signer
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "CERTIFICATE":
			parsed, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, nil, fmt.Errorf("parse certificate: %w", err)
			}
			if certificate == nil {
				certificate = parsed
			}
		case "PRIVATE KEY":
			parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return nil, nil, fmt.Errorf("parse key: %w", err)
			}
			signer, ok := parsed.(crypto.Signer)
			if !ok {
				return nil, nil, fmt.Errorf("key of type %T cannot sign", parsed)
			}
			key = signer
		}
	}
	if certificate == nil || key == nil {
		return nil, nil, errors.New("it lacks a certificate or a key")
	}
	public, ok := certificate.PublicKey.(*ecdsa.PublicKey)
	if !ok || !public.Equal(key.Public()) {
		return nil, nil, errors.New("certificate and key do not belong together")
	}
	return certificate, key, nil
}
