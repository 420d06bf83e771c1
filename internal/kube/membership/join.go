package membership

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/kubernetes/pkg/kubelet/certificate/bootstrap"

	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/jointoken"
)

// Options say which machine joins what.
type Options struct {
	// DataDir is the daemon's.
	DataDir string
	// Server is the server's URL, and Token what it may be joined with, which is
	// needed until there is a certificate.
	Server, Token string
	NodeName      string
}

// Member is a machine that belongs to a cluster.
type Member struct {
	Server   string
	Settings Settings
	// Rejoined says that the certificate was there already.
	Rejoined bool
	paths    paths
}

// retryEvery is how often a member that comes back asks for a server that does
// not answer. certificateLimit bounds the wait for a first certificate, which takes
// well under a second where the server's controllers run.
const (
	retryEvery       = 2 * time.Second
	certificateLimit = time.Minute
)

// Join makes this machine a member, or finds that it is one. A member waits for its
// server until ctx ends; who wants to become one is told at once what is wrong.
func Join(ctx context.Context, o Options) (*Member, error) {
	p := pathsOf(o.DataDir)
	m := &Member{paths: p}
	var err error
	if m.Server, err = withPort(o.Server); err != nil {
		return nil, err
	}
	if err := p.sameCluster(o.Token); err != nil {
		return nil, err
	}
	expires, err := p.certificateEnd()
	switch {
	case err == nil && time.Now().Before(expires):
		m.Rejoined = true
	case o.Token != "":
		if err := m.enter(ctx, o); err != nil {
			return nil, err
		}
	case err == nil:
		return nil, fmt.Errorf("this node's certificate expired on %s; join again with --token and what `bulkhead token create` prints on the server", expires.Format(time.DateTime))
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("this machine has not joined a cluster: give --server and --token, as `bulkhead token create` prints them on the server")
	default:
		return nil, err
	}
	if err := p.writeKubeconfig(m.Server); err != nil {
		return nil, err
	}
	if m.Settings, err = m.awaitSettings(ctx); err != nil {
		return nil, err
	}
	return m, write(p.clientCA, []byte(m.Settings.ClientCA), 0o644)
}

// enter gets the first certificate of a machine with a token.
func (m *Member) enter(ctx context.Context, o Options) error {
	token, err := jointoken.Parse(o.Token)
	if err != nil {
		return err
	}
	authority, err := Discover(ctx, m.Server, token.Pin)
	if err != nil {
		return err
	}
	if err := write(m.paths.serverCA, authority, 0o644); err != nil {
		return err
	}
	access := &rest.Config{Host: m.Server, BearerToken: token.Bearer(), TLSClientConfig: rest.TLSClientConfig{CAData: authority}}
	client, err := kubernetes.NewForConfig(access)
	if err != nil {
		return fmt.Errorf("make a client with the token: %w", err)
	}
	node, err := client.CoreV1().Nodes().Get(ctx, o.NodeName, metav1.GetOptions{})
	switch {
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the server %s does not accept the token %s: it has expired, was deleted, or was never made there; `bulkhead token create` on the server makes another", m.Server, token.ID)
	case apierrors.IsNotFound(err):
	case err != nil:
		return fmt.Errorf("look for a node %s at the server: %w", o.NodeName, err)
	case ready(node):
		return fmt.Errorf("the cluster has a node %s already, and it is ready; choose another --node-name, or remove that one with `bulkhead remove %s`", o.NodeName, o.NodeName)
	}
	bootstrapFile, err := m.paths.writeBootstrapKubeconfig(m.Server, token.Bearer())
	if err != nil {
		return err
	}
	defer os.Remove(bootstrapFile)
	// What is there is of no use, and upstream would take it for enough.
	if err := os.Remove(m.paths.kubeconfig); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the former kubeconfig: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, certificateLimit)
	defer cancel()
	if err := bootstrap.LoadClientCert(ctx, m.paths.kubeconfig, bootstrapFile, m.paths.certificates, types.NodeName(o.NodeName)); err != nil {
		return fmt.Errorf("get a certificate for node %s: %w", o.NodeName, err)
	}
	return nil
}

func ready(node *v1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == v1.NodeReady {
			return condition.Status == v1.ConditionTrue
		}
	}
	return false
}

// awaitSettings reads the cluster's settings as a member. Only what no waiting can
// mend is an error.
func (m *Member) awaitSettings(ctx context.Context) (Settings, error) {
	client, err := kubernetes.NewForConfig(m.RESTConfig())
	if err != nil {
		return Settings{}, fmt.Errorf("make this node's client: %w", err)
	}
	for attempt := 1; ; attempt++ {
		settings, err := readSettings(ctx, client)
		switch {
		case err == nil:
			return settings, nil
		case apierrors.IsUnauthorized(err):
			return Settings{}, fmt.Errorf("the server %s does not know this node's certificate: it was begun anew; run `bulkhead reset` and join again", m.Server)
		case errors.As(err, new(x509.UnknownAuthorityError)):
			return Settings{}, fmt.Errorf("the server %s has %w than the one that was joined; run `bulkhead reset` and join again, if that is meant", m.Server, ErrOtherCluster)
		case errors.As(err, new(x509.HostnameError)):
			return Settings{}, fmt.Errorf("the server's certificate is not for %s; start the server with --tls-san: %w", m.Server, err)
		case ctx.Err() != nil:
			return Settings{}, context.Cause(ctx)
		}
		if attempt%15 == 1 {
			slog.Warn("waiting for the server", "server", m.Server, "err", err)
		}
		select {
		case <-ctx.Done():
			return Settings{}, context.Cause(ctx)
		case <-time.After(retryEvery):
		}
	}
}

// RESTConfig is the access of this node. Its certificate is read again when the
// kubelet has renewed it.
func (m *Member) RESTConfig() *rest.Config {
	return &rest.Config{Host: m.Server, TLSClientConfig: rest.TLSClientConfig{
		CAFile: m.paths.serverCA, CertFile: m.paths.certificate, KeyFile: m.paths.certificate,
	}}
}

// paths are where a member keeps what makes it one.
type paths struct {
	serverCA, clientCA        string
	kubeconfig                string
	certificates, certificate string
	nodeUID                   string
}

// pathsOf are the places that a server has the same things in.
func pathsOf(dataDir string) paths {
	certificate := (&config.Config{DataDir: dataDir}).NodeCertificate()
	return paths{
		serverCA: filepath.Join(dataDir, "pki", "server-ca.crt"), clientCA: filepath.Join(dataDir, "pki", "client-ca.crt"),
		kubeconfig:   filepath.Join(dataDir, "kubeconfigs", "kubelet.yaml"),
		certificates: filepath.Dir(certificate), certificate: certificate,
		nodeUID: filepath.Join(dataDir, "config", "node-uid"),
	}
}

// certificateEnd is when this node's certificate expires.
func (p paths) certificateEnd() (time.Time, error) {
	data, err := os.ReadFile(p.certificate)
	if err != nil {
		return time.Time{}, fmt.Errorf("read this node's certificate: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return time.Time{}, fmt.Errorf("this node's certificate %s is damaged; delete it and join again with a token", p.certificate)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, fmt.Errorf("this node's certificate %s is damaged: %w; delete it and join again with a token", p.certificate, err)
	}
	return certificate.NotAfter, nil
}

// sameCluster refuses a token of another cluster than the one that was joined.
func (p paths) sameCluster(text string) error {
	data, err := os.ReadFile(p.serverCA)
	if text == "" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the server's certificate authority: %w", err)
	}
	token, err := jointoken.Parse(text)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil // half a file of a crash; it is written anew
	}
	authority, err := x509.ParseCertificate(block.Bytes)
	if err == nil && jointoken.PinOf(authority) != token.Pin {
		return errors.New("this machine belongs to another cluster than the token; run `bulkhead reset` first, or use another --data-dir")
	}
	return nil
}

func write(path string, data []byte, mode os.FileMode) error {
	if present, err := os.ReadFile(path); err == nil && bytes.Equal(present, data) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the folder of %s: %w", path, err)
	}
	if err := renameio.WriteFile(path, data, mode, renameio.WithPermissions(mode)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
