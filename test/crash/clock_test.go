package crash

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A clock that was wrong when certificates were made shows in their dates.
func TestClockJumped(t *testing.T) {
	m := newMachine(t, simulated())
	m.up()
	m.must(m.Stop(m.ctx))
	pki := filepath.Join(m.Config.DataDir, "pki")
	for _, jump := range []struct {
		name string
		by   time.Duration
	}{
		{"the clock was ahead", 300 * 24 * time.Hour},
		{"the clock was behind", -300 * 24 * time.Hour},
	} {
		for _, name := range []string{"kube-apiserver", "admin", "bulkhead", "kube-scheduler"} {
			m.redate(filepath.Join(pki, name+".pem"), filepath.Join(pki, authorityOf(name)+".pem"), jump.by)
		}
		t.Log(jump.name)
		m.up()
		_, err := m.client().CoreV1().Namespaces().List(m.ctx, metav1.ListOptions{})
		m.must(err)
		m.must(m.Stop(m.ctx))
	}

	// An authority of the future cannot be mended by anything but the clock.
	authority := filepath.Join(pki, "server-ca.pem")
	before, err := os.ReadFile(authority)
	m.must(err)
	m.redate(authority, authority, 300*24*time.Hour)
	m.must(copyFile(authority, filepath.Join(pki, "server-ca.crt")))
	m.mentions(m.refused(), "clock")
	m.must(os.WriteFile(authority, before, 0o600))
	m.must(os.WriteFile(filepath.Join(pki, "server-ca.crt"), before, 0o600))
	m.up()
}

func authorityOf(name string) string {
	if name == "kube-apiserver" {
		return "server-ca"
	}
	return "client-ca"
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}

// redate signs a certificate anew as if it had been made some time away.
func (m *machine) redate(path, authorityPath string, by time.Duration) {
	m.Helper()
	certificate, key := m.readPair(path)
	authority, authorityKey := m.readPair(authorityPath)
	template := *certificate
	template.NotBefore, template.NotAfter = certificate.NotBefore.Add(by), certificate.NotAfter.Add(by)
	if authorityPath == path {
		authority = &template
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, authority, key.Public(), authorityKey)
	m.must(err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	m.must(err)
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	m.must(os.WriteFile(path, append(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...), 0o600))
}

func (m *machine) readPair(path string) (*x509.Certificate, *ecdsa.PrivateKey) {
	m.Helper()
	rest, err := os.ReadFile(path)
	m.must(err)
	var certificate *x509.Certificate
	var key *ecdsa.PrivateKey
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch block.Type {
		case "CERTIFICATE":
			certificate, err = x509.ParseCertificate(block.Bytes)
			m.must(err)
		case "PRIVATE KEY":
			parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			m.must(err)
			key, _ = parsed.(*ecdsa.PrivateKey)
		}
	}
	if certificate == nil || key == nil {
		m.Fatalf("%s holds no certificate with an ECDSA key", path)
	}
	return certificate, key
}
