// Package externalgrpc makes machines through a server of cluster-autoscaler's
// externalgrpc protocol, as its client: existing servers work as they are.
//
// The protocol has sizes and not names: machines are asked for by their number, and
// one that was asked for and has no identity yet is known by the target size alone.
package externalgrpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/decide"
	"github.com/bulkhead-k8s/bulkhead/internal/nodepool/providers/externalgrpc/protocol"
)

const defaultTimeout = 5 * time.Second // cluster-autoscaler's grpc_timeout

// Provider is the client for one node group.
type Provider struct {
	group   string
	timeout time.Duration
	conn    *grpc.ClientConn
	server  protocol.CloudProviderClient
}

// New makes a provider; the connection is made when it is used.
func New(spec v1alpha1.NodePoolSpec) (*Provider, error) {
	s := spec.Provider.ExternalGRPC
	if s == nil || s.Address == "" || s.NodeGroup == "" {
		return nil, errors.New("the provider externalgrpc needs spec.provider.externalGRPC with address and nodeGroup")
	}
	security, err := secure(s)
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient(s.Address, grpc.WithTransportCredentials(security))
	if err != nil {
		return nil, fmt.Errorf("reach the node group's server at %s: %w", s.Address, err)
	}
	p := &Provider{group: s.NodeGroup, timeout: defaultTimeout, conn: conn, server: protocol.NewCloudProviderClient(conn)}
	if s.Timeout != nil {
		p.timeout = s.Timeout.Duration
	}
	return p, nil
}

// secure makes mutual TLS of the files. Without them, only a server on this machine
// is talked to: who can speak the protocol makes and deletes nodes.
func secure(s *v1alpha1.ExternalGRPCProvider) (credentials.TransportCredentials, error) {
	if s.CACert == "" && s.Cert == "" && s.Key == "" {
		host, _, err := net.SplitHostPort(s.Address)
		if err != nil {
			return nil, fmt.Errorf("address %q: want HOST:PORT: %w", s.Address, err)
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return nil, fmt.Errorf("address %s is on another machine: set caCert, cert and key for mutual TLS", s.Address)
		}
		return insecure.NewCredentials(), nil
	}
	ca, err := os.ReadFile(s.CACert)
	if err != nil {
		return nil, fmt.Errorf("read caCert: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("read caCert %s: it has no certificate", s.CACert)
	}
	pair, err := tls.LoadX509KeyPair(s.Cert, s.Key)
	if err != nil {
		return nil, fmt.Errorf("read cert and key: %w", err)
	}
	return credentials.NewTLS(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}), nil
}

func (p *Provider) call(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, p.timeout)
}

// Create makes the group larger by as many as there are names.
func (p *Provider) Create(ctx context.Context, names []string) error {
	ctx, cancel := p.call(ctx)
	defer cancel()
	if _, err := p.server.NodeGroupIncreaseSize(ctx, &protocol.NodeGroupIncreaseSizeRequest{Id: p.group, Delta: int32(len(names))}); err != nil {
		return fmt.Errorf("increase node group %s by %d: %w", p.group, len(names), err)
	}
	return nil
}

// Delete takes a machine out of the group. One without an identity was not made yet:
// the target becomes less by one.
func (p *Provider) Delete(ctx context.Context, m decide.Machine) error {
	ctx, cancel := p.call(ctx)
	defer cancel()
	if m.ID == "" {
		if _, err := p.server.NodeGroupDecreaseTargetSize(ctx, &protocol.NodeGroupDecreaseTargetSizeRequest{Id: p.group, Delta: -1}); err != nil {
			return fmt.Errorf("decrease the target of node group %s: %w", p.group, err)
		}
		return nil
	}
	there, err := p.instances(ctx)
	if err != nil {
		return err
	}
	for _, i := range there {
		if i.Id != m.ID {
			continue
		}
		_, err := p.server.NodeGroupDeleteNodes(ctx, &protocol.NodeGroupDeleteNodesRequest{Id: p.group, Nodes: []*protocol.ExternalGrpcNode{{ProviderID: m.ID, Name: m.Name}}})
		if err != nil {
			return fmt.Errorf("delete machine %s of node group %s: %w", m.ID, p.group, err)
		}
	}
	return nil // it is gone, or it was not there
}

func (p *Provider) instances(ctx context.Context) ([]*protocol.Instance, error) {
	reply, err := p.server.NodeGroupNodes(ctx, &protocol.NodeGroupNodesRequest{Id: p.group})
	if err != nil {
		return nil, fmt.Errorf("list node group %s: %w", p.group, err)
	}
	return reply.Instances, nil
}

// List is the group's instances, and as many more as its target says.
func (p *Provider) List(ctx context.Context) ([]decide.Machine, error) {
	ctx, cancel := p.call(ctx)
	defer cancel()
	if _, err := p.server.Refresh(ctx, &protocol.RefreshRequest{}); err != nil {
		return nil, fmt.Errorf("refresh the server of node group %s: %w", p.group, err)
	}
	groups, err := p.server.NodeGroups(ctx, &protocol.NodeGroupsRequest{})
	if err != nil {
		return nil, fmt.Errorf("list the node groups: %w", err)
	}
	known := false
	for _, g := range groups.NodeGroups {
		known = known || g.Id == p.group
	}
	if !known {
		return nil, fmt.Errorf("the server has no node group %q", p.group)
	}
	target, err := p.server.NodeGroupTargetSize(ctx, &protocol.NodeGroupTargetSizeRequest{Id: p.group})
	if err != nil {
		return nil, fmt.Errorf("read the size of node group %s: %w", p.group, err)
	}
	instances, err := p.instances(ctx)
	if err != nil {
		return nil, err
	}
	var list []decide.Machine
	staying := 0
	for _, i := range instances {
		m := machine(i)
		if m.State != decide.Deleting {
			staying++
		}
		list = append(list, m)
	}
	for range int(target.TargetSize) - staying {
		list = append(list, decide.Machine{State: decide.Making})
	}
	return list, nil
}

func machine(i *protocol.Instance) decide.Machine {
	m := decide.Machine{ID: i.Id, State: decide.Running}
	switch i.GetStatus().GetInstanceState() {
	case protocol.InstanceStatus_instanceCreating:
		m.State = decide.Making
	case protocol.InstanceStatus_instanceDeleting:
		m.State = decide.Deleting
	}
	if e := i.GetStatus().GetErrorInfo(); e.GetErrorCode() != "" && m.State != decide.Deleting {
		m.State, m.Error = decide.Failed, e.ErrorCode+": "+e.ErrorMessage
	}
	return m
}

// Template is what the server says of its machines; nil if it does not say.
func (p *Provider) Template(ctx context.Context) (*corev1.Node, error) {
	ctx, cancel := p.call(ctx)
	defer cancel()
	reply, err := p.server.NodeGroupTemplateNodeInfo(ctx, &protocol.NodeGroupTemplateNodeInfoRequest{Id: p.group})
	if status.Code(err) == codes.Unimplemented || err == nil && len(reply.NodeBytes) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the template of node group %s: %w", p.group, err)
	}
	node := &corev1.Node{}
	if err := node.Unmarshal(reply.NodeBytes); err != nil {
		return nil, fmt.Errorf("read the template of node group %s: %w", p.group, err)
	}
	return node, nil
}

// Close ends the connection.
func (p *Provider) Close() error { return p.conn.Close() }
