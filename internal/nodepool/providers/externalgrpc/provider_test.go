package externalgrpc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/decide"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/providers/externalgrpc/protocol"
)

// cloud is a server with one node group, as the protocol's README wants it.
type cloud struct {
	protocol.UnimplementedCloudProviderServer
	mu        sync.Mutex
	target    int32
	instances []*protocol.Instance
	next      int
	template  bool
}

func (c *cloud) NodeGroups(context.Context, *protocol.NodeGroupsRequest) (*protocol.NodeGroupsResponse, error) {
	return &protocol.NodeGroupsResponse{NodeGroups: []*protocol.NodeGroup{{Id: "g", MaxSize: 10}}}, nil
}

func (c *cloud) Refresh(context.Context, *protocol.RefreshRequest) (*protocol.RefreshResponse, error) {
	return &protocol.RefreshResponse{}, nil
}

func (c *cloud) NodeGroupTargetSize(context.Context, *protocol.NodeGroupTargetSizeRequest) (*protocol.NodeGroupTargetSizeResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &protocol.NodeGroupTargetSizeResponse{TargetSize: c.target}, nil
}

func (c *cloud) NodeGroupIncreaseSize(_ context.Context, r *protocol.NodeGroupIncreaseSizeRequest) (*protocol.NodeGroupIncreaseSizeResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Delta <= 0 || c.target+r.Delta > 10 {
		return nil, status.Errorf(codes.OutOfRange, "size %d is more than 10", c.target+r.Delta)
	}
	c.target += r.Delta
	return &protocol.NodeGroupIncreaseSizeResponse{}, nil
}

// deliver makes instances of what was asked for.
func (c *cloud) deliver() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for int32(len(c.instances)) < c.target {
		c.next++
		c.instances = append(c.instances, &protocol.Instance{Id: fmt.Sprintf("cloud://i-%d", c.next), Status: &protocol.InstanceStatus{InstanceState: protocol.InstanceStatus_instanceRunning}})
	}
}

func (c *cloud) NodeGroupDeleteNodes(_ context.Context, r *protocol.NodeGroupDeleteNodesRequest) (*protocol.NodeGroupDeleteNodesResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range r.Nodes {
		i := slices.IndexFunc(c.instances, func(i *protocol.Instance) bool { return i.Id == n.ProviderID })
		if i < 0 {
			return nil, status.Errorf(codes.NotFound, "%s is not in the group", n.ProviderID)
		}
		c.instances = slices.Delete(c.instances, i, i+1)
		c.target--
	}
	return &protocol.NodeGroupDeleteNodesResponse{}, nil
}

func (c *cloud) NodeGroupDecreaseTargetSize(_ context.Context, r *protocol.NodeGroupDecreaseTargetSizeRequest) (*protocol.NodeGroupDecreaseTargetSizeResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Delta >= 0 || c.target+r.Delta < int32(len(c.instances)) {
		return nil, status.Errorf(codes.InvalidArgument, "delta %d would delete instances", r.Delta)
	}
	c.target += r.Delta
	return &protocol.NodeGroupDecreaseTargetSizeResponse{}, nil
}

func (c *cloud) NodeGroupNodes(context.Context, *protocol.NodeGroupNodesRequest) (*protocol.NodeGroupNodesResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &protocol.NodeGroupNodesResponse{Instances: slices.Clone(c.instances)}, nil
}

func (c *cloud) NodeGroupTemplateNodeInfo(context.Context, *protocol.NodeGroupTemplateNodeInfoRequest) (*protocol.NodeGroupTemplateNodeInfoResponse, error) {
	if !c.template {
		return nil, status.Error(codes.Unimplemented, "optional")
	}
	node := &corev1.Node{Status: corev1.NodeStatus{Capacity: corev1.ResourceList{"cpu": resource.MustParse("8")}}}
	node.Labels = map[string]string{"cloud": "yes"}
	data, err := node.Marshal()
	return &protocol.NodeGroupTemplateNodeInfoResponse{NodeBytes: data}, err
}

// serve runs the cloud behind mutual TLS and gives the settings of a client.
func serve(t *testing.T, c *cloud) *v1alpha1.ExternalGRPCProvider {
	t.Helper()
	dir := t.TempDir()
	cert, pair := certificate(t, dir)
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12})))
	protocol.RegisterCloudProviderServer(server, c)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		<-ended
	})
	file := func(name string) string { return filepath.Join(dir, name) }
	return &v1alpha1.ExternalGRPCProvider{Address: listener.Addr().String(), NodeGroup: "g", CACert: file("cert"), Cert: file("cert"), Key: file("key")}
}

func certificate(t *testing.T, dir string) (*x509.Certificate, tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cloud"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM, keyPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})
	for name, data := range map[string][]byte{"cert": certPEM, "key": keyPEM} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, pair
}

func client(t *testing.T, s *v1alpha1.ExternalGRPCProvider) *Provider {
	t.Helper()
	p, err := New(v1alpha1.NodePoolSpec{Provider: v1alpha1.PoolProvider{ExternalGRPC: s}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestAGroupGrowsAndShrinks(t *testing.T) {
	c := &cloud{template: true}
	p := client(t, serve(t, c))
	list := func() string {
		machines, err := p.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, m := range machines {
			out = append(out, m.ID+" "+string(m.State))
		}
		return strings.Join(out, ", ")
	}
	if err := p.Create(t.Context(), []string{"x", "y", "z"}); err != nil {
		t.Fatal(err)
	}
	if got := list(); got != " Making,  Making,  Making" {
		t.Errorf("asked for: %q", got)
	}
	if err := p.Delete(t.Context(), decide.Machine{State: decide.Making}); err != nil {
		t.Error(err)
	}
	c.deliver()
	if got := list(); got != "cloud://i-1 Running, cloud://i-2 Running" {
		t.Errorf("delivered: %q", got)
	}
	if err := p.Delete(t.Context(), decide.Machine{ID: "cloud://i-1"}); err != nil {
		t.Error(err)
	}
	if err := p.Delete(t.Context(), decide.Machine{ID: "cloud://i-1"}); err != nil {
		t.Errorf("the second time: %v", err)
	}
	c.instances[0].Status.ErrorInfo = &protocol.InstanceErrorInfo{ErrorCode: "QUOTA", ErrorMessage: "no more"}
	machines, err := p.List(t.Context())
	if err != nil || len(machines) != 1 || machines[0].State != decide.Failed || machines[0].Error != "QUOTA: no more" {
		t.Errorf("failed: %+v, %v", machines, err)
	}
	if err := p.Create(t.Context(), make([]string, 20)); err == nil || !strings.Contains(err.Error(), "more than 10") {
		t.Errorf("beyond its max: %v", err)
	}
	node, err := p.Template(t.Context())
	if err != nil || node.Labels["cloud"] != "yes" || node.Status.Capacity.Cpu().Value() != 8 {
		t.Errorf("template %+v, %v", node, err)
	}
}

func TestWhatServersRefuse(t *testing.T) {
	c := &cloud{}
	s := serve(t, c)
	if node, err := client(t, s).Template(t.Context()); node != nil || err != nil {
		t.Errorf("a template that is not implemented: %v, %v", node, err)
	}
	s.NodeGroup = "other"
	if _, err := client(t, s).List(t.Context()); err == nil || !strings.Contains(err.Error(), `no node group "other"`) {
		t.Errorf("a group that is not there: %v", err)
	}
	s.NodeGroup, s.CACert, s.Cert, s.Key = "g", "", "", ""
	if _, err := client(t, s).List(t.Context()); err == nil {
		t.Error("a client without a certificate was let in")
	}
	s.Address = "192.0.2.1:1"
	if _, err := New(v1alpha1.NodePoolSpec{Provider: v1alpha1.PoolProvider{ExternalGRPC: s}}); err == nil || !strings.Contains(err.Error(), "mutual TLS") {
		t.Errorf("plain text to another machine: %v", err)
	}
}
