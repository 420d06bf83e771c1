package pki

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func options(dir string, now time.Time) Options {
	return Options{
		Dir: dir, NodeName: "node-1", NodeIP: "192.0.2.7", ServiceIP: "10.43.0.1",
		ClusterDomain: "cluster.local", SANs: []string{"api.example"}, Now: func() time.Time { return now },
	}
}

func ensure(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Ensure(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func certificate(t *testing.T, s *Store, identity string) *x509.Certificate {
	t.Helper()
	data, err := os.ReadFile(s.File(identity))
	if err != nil {
		t.Fatal(err)
	}
	certificate, _, err := parsePair(data)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestIdentitiesVerifyForWhatTheyAreFor(t *testing.T) {
	now := time.Now()
	s := ensure(t, options(t.TempDir(), now))
	roots := func(a *Authority) *x509.CertPool {
		pool := x509.NewCertPool()
		pool.AddCert(a.Certificate)
		return pool
	}
	for _, host := range []string{"localhost", "127.0.0.1", "192.0.2.7", "node-1", "10.43.0.1", "kubernetes.default.svc.cluster.local", "api.example"} {
		_, err := certificate(t, s, APIServer).Verify(x509.VerifyOptions{Roots: roots(s.ServerCA), DNSName: host, CurrentTime: now})
		if err != nil {
			t.Errorf("API server as %s: %v", host, err)
		}
	}
	kubelet := certificate(t, s, Kubelet)
	if _, err := kubelet.Verify(x509.VerifyOptions{Roots: roots(s.ClientCA), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, CurrentTime: now}); err != nil {
		t.Errorf("kubelet as client: %v", err)
	}
	if kubelet.Subject.CommonName != "system:node:node-1" || kubelet.Subject.Organization[0] != "system:nodes" {
		t.Errorf("kubelet is %s: Node authorisation would refuse it", kubelet.Subject)
	}
	if _, err := kubelet.Verify(x509.VerifyOptions{Roots: roots(s.ServerCA), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, CurrentTime: now}); err == nil {
		t.Error("a client certificate was signed by the server's authority")
	}
}

func TestFilesAreForTheirOwnerAndAuthoritiesKeepTheirKeyApart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	s := ensure(t, options(dir, time.Now()))
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if hasKey := bytes.Contains(data, []byte("PRIVATE KEY")); hasKey && info.Mode().Perm() != 0o600 {
			t.Errorf("%s holds a key and has mode %o", entry.Name(), info.Mode().Perm())
		}
	}
	// Upstream publishes this file's content in a ConfigMap that all can read.
	data, _ := os.ReadFile(s.ClientCA.CertFile)
	if bytes.Contains(data, []byte("PRIVATE KEY")) {
		t.Error("the authority's certificate file holds its key")
	}
}

func TestSecondStartKeepsWhatIsGood(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	first := certificate(t, ensure(t, options(dir, now)), APIServer)
	second := certificate(t, ensure(t, options(dir, now.Add(time.Hour))), APIServer)
	if first.SerialNumber.Cmp(second.SerialNumber) != 0 {
		t.Error("a good certificate was replaced")
	}
}

func TestIssuedAnewWhen(t *testing.T) {
	now := time.Now()
	for _, tc := range []struct {
		name   string
		change func(t *testing.T, o *Options)
	}{
		{"a third of its life is left", func(_ *testing.T, o *Options) {
			o.Now = func() time.Time { return now.Add(componentLifetime * 3 / 4) }
		}},
		{"it has expired", func(_ *testing.T, o *Options) {
			o.Now = func() time.Time { return now.Add(2 * componentLifetime) }
		}},
		{"the clock was ahead when it was made", func(_ *testing.T, o *Options) {
			o.Now = func() time.Time { return now.Add(-2 * time.Minute) }
		}},
		{"the node's address changed", func(_ *testing.T, o *Options) { o.NodeIP = "192.0.2.8" }},
		{"the file is half written", func(t *testing.T, o *Options) {
			path := filepath.Join(o.Dir, APIServer+".pem")
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, data[:len(data)/2], 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"the authority's certificate is missing", func(t *testing.T, o *Options) { // as before machines could join
			path := filepath.Join(o.Dir, APIServer+".pem")
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			authority, err := os.ReadFile(filepath.Join(o.Dir, "server-ca.crt"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, bytes.TrimSuffix(data, authority), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"certificate and key are of different pairs", func(t *testing.T, o *Options) {
			a, _ := os.ReadFile(filepath.Join(o.Dir, APIServer+".pem"))
			b, _ := os.ReadFile(filepath.Join(o.Dir, Kubelet+".pem"))
			_, keyOfB := pem.Decode(b)
			block, _ := pem.Decode(a)
			if err := os.WriteFile(filepath.Join(o.Dir, APIServer+".pem"), append(pem.EncodeToMemory(block), keyOfB...), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := options(t.TempDir(), now)
			first := certificate(t, ensure(t, o), APIServer)
			tc.change(t, &o)
			second := certificate(t, ensure(t, o), APIServer)
			if first.SerialNumber.Cmp(second.SerialNumber) == 0 {
				t.Error("the certificate was kept")
			}
		})
	}
}

func TestAPIServerSendsItsAuthorityAlong(t *testing.T) {
	s := ensure(t, options(t.TempDir(), time.Now()))
	pair, err := tls.LoadX509KeyPair(s.File(APIServer), s.File(APIServer))
	if err != nil {
		t.Fatal(err)
	}
	if len(pair.Certificate) != 2 || !bytes.Equal(pair.Certificate[1], s.ServerCA.Certificate.Raw) {
		t.Errorf("it sends %d certificates, want its own and the authority's", len(pair.Certificate))
	}
}

func TestAuthorityIsNeverReplacedSilently(t *testing.T) {
	now := time.Now()
	for _, tc := range []struct {
		name   string
		change func(o *Options)
		want   string
	}{
		{"damaged", func(o *Options) { os.WriteFile(filepath.Join(o.Dir, "client-ca.pem"), []byte("x"), 0o600) }, "damaged"},
		{"expired", func(o *Options) { o.Now = func() time.Time { return now.Add(authorityLifetime + time.Hour) } }, "expired"},
		{"clock behind", func(o *Options) { o.Now = func() time.Time { return now.Add(-48 * time.Hour) } }, "clock"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := options(t.TempDir(), now)
			ensure(t, o)
			tc.change(&o)
			if _, err := Ensure(o); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one that says %q", err, tc.want)
			}
		})
	}
}

func FuzzParsePair(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if certificate, key, err := parsePair(data); err == nil && (certificate == nil || key == nil) {
			t.Error("accepted without certificate or key")
		}
	})
}
