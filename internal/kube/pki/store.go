package pki

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
)

// Names of the identities.
const (
	APIServer         = "kube-apiserver"
	APIServerKubelet  = "kube-apiserver-kubelet-client"
	FrontProxy        = "front-proxy-client"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	Proxy             = "kube-proxy"
	Kubelet           = "kubelet"
	KubeletServing    = "kubelet-serving"
	Admin             = "admin"
	Bulkhead          = "bulkhead"
	LoopbackServing   = "loopback-serving"
)

const (
	// componentLifetime is that of the components' certificates: short, since
	// they renew themselves.
	componentLifetime = 7 * 24 * time.Hour
	// adminLifetime is that of the administrator's, which people copy to other
	// machines; the file here is renewed all the same.
	adminLifetime = 30 * 24 * time.Hour
	// renewEvery is how often expiry is looked at. It is compared with the wall
	// clock, so that a machine that slept renews within this time of waking.
	renewEvery = time.Minute
)

// Options say for whom certificates are made.
type Options struct {
	// Dir is the folder for all files, made with mode 0700 if it is missing.
	Dir string
	// NodeName and NodeIP are this machine's.
	NodeName, NodeIP string
	// ServiceIP is the address of the Service kubernetes.default.
	ServiceIP string
	// ClusterDomain is the cluster's DNS domain.
	ClusterDomain string
	// SANs are further names and addresses of the API server.
	SANs []string
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Store holds the cluster's authorities and this machine's identities.
type Store struct {
	dir string
	now func() time.Time

	// ServerCA signs what serves, ClientCA who asks, FrontProxyCA the API
	// server towards aggregated API servers.
	ServerCA, ClientCA, FrontProxyCA *Authority
	// ServiceAccountKeyFile signs ServiceAccount tokens (ECDSA, P-256).
	ServiceAccountKeyFile string

	identities []issuance
}

type issuance struct {
	authority *Authority
	identity  Identity
}

// Ensure opens the store and issues whatever is missing or no longer usable.
func Ensure(o Options) (*Store, error) {
	s := &Store{dir: o.Dir, now: o.Now, ServiceAccountKeyFile: filepath.Join(o.Dir, "service-account.key")}
	if s.now == nil {
		s.now = time.Now
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for certificates: %w", err)
	}
	var err error
	for _, entry := range []struct {
		name string
		into **Authority
	}{
		{"server-ca", &s.ServerCA}, {"client-ca", &s.ClientCA}, {"front-proxy-ca", &s.FrontProxyCA},
	} {
		if *entry.into, err = s.ensureAuthority(entry.name); err != nil {
			return nil, err
		}
	}
	if err := s.ensureServiceAccountKey(); err != nil {
		return nil, err
	}
	s.identities = s.list(o)
	_, err = s.issueDue()
	return s, err
}

// list is the table of everything that this machine has a certificate for. The
// users and groups are those that Kubernetes' built-in RBAC rules know
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/).
func (s *Store) list(o Options) []issuance {
	apiHosts := append([]string{
		"localhost", "127.0.0.1", "::1", o.NodeName, o.NodeIP, o.ServiceIP,
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + o.ClusterDomain,
	}, o.SANs...)
	return []issuance{
		{s.ServerCA, Identity{Name: APIServer, CommonName: "kube-apiserver", Hosts: canonical(apiHosts), Lifetime: componentLifetime, WithAuthority: true}},
		{s.ClientCA, Identity{Name: APIServerKubelet, CommonName: "kube-apiserver-kubelet-client", Organizations: []string{"bulkhead:kube-apiserver"}, Lifetime: componentLifetime}},
		{s.FrontProxyCA, Identity{Name: FrontProxy, CommonName: "front-proxy-client", Lifetime: componentLifetime}},
		{s.ClientCA, Identity{Name: ControllerManager, CommonName: "system:kube-controller-manager", Lifetime: componentLifetime}},
		{s.ClientCA, Identity{Name: Scheduler, CommonName: "system:kube-scheduler", Lifetime: componentLifetime}},
		{s.ClientCA, Identity{Name: Proxy, CommonName: "system:kube-proxy", Lifetime: componentLifetime}},
		{s.ClientCA, Identity{Name: Kubelet, CommonName: "system:node:" + o.NodeName, Organizations: []string{"system:nodes"}, Lifetime: componentLifetime}},
		{s.ServerCA, Identity{Name: KubeletServing, CommonName: "system:node:" + o.NodeName, Organizations: []string{"system:nodes"},
			Hosts: canonical([]string{o.NodeName, o.NodeIP, "localhost", "127.0.0.1"}), Lifetime: componentLifetime}},
		{s.ServerCA, Identity{Name: LoopbackServing, CommonName: "localhost", Hosts: canonical([]string{"localhost", "127.0.0.1"}), Lifetime: componentLifetime}},
		{s.ClientCA, Identity{Name: Bulkhead, CommonName: "bulkhead:daemon", Organizations: []string{"system:masters"}, Lifetime: componentLifetime}},
		{s.ClientCA, Identity{Name: Admin, CommonName: "kubernetes-admin", Organizations: []string{"system:masters"}, Lifetime: adminLifetime}},
	}
}

// canonical writes addresses in one form and leaves out what is empty.
func canonical(hosts []string) []string {
	var out []string
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			host = ip.String()
		}
		if host != "" {
			out = append(out, host)
		}
	}
	return sorted(out)
}

// issueDue issues every identity that is due and returns their names.
func (s *Store) issueDue() (issued []string, err error) {
	for _, entry := range s.identities {
		done, err := s.ensureIdentity(entry.authority, entry.identity)
		if err != nil {
			return issued, err
		}
		if done {
			issued = append(issued, entry.identity.Name)
		}
	}
	return issued, nil
}

// Renew issues certificates as they come due, until ctx ends. It calls renewed
// with the names of those that it issued, and failed with what went wrong; a
// failure is tried again a minute later.
func (s *Store) Renew(ctx context.Context, renewed func(names []string), failed func(error)) error {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		issued, err := s.issueDue()
		if len(issued) > 0 {
			renewed(issued)
		}
		if err != nil {
			failed(err)
		}
	}
}

func (s *Store) ensureServiceAccountKey() error {
	data, err := os.ReadFile(s.ServiceAccountKeyFile)
	if err == nil {
		block, _ := pem.Decode(data)
		if block == nil {
			return fmt.Errorf("service account key %s is damaged; restore it from a backup, or delete it: all ServiceAccount tokens are then issued anew", s.ServiceAccountKeyFile)
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read service account key: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make service account key: %w", err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("make service account key: %w", err)
	}
	return writeFile(s.ServiceAccountKeyFile, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}

// writeFile replaces path in one step, synced to disk, so that a crash leaves
// the old content or the new.
func writeFile(path string, data []byte, mode os.FileMode) error {
	if err := renameio.WriteFile(path, data, mode, renameio.WithExistingPermissions(), renameio.WithPermissions(mode)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
