package servingcerts

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/kubernetes/pkg/apis/certificates"
)

// errLater indicates a request that may be approved once the node has registered,
// or has told all of its addresses.
var errLater = errors.New("not yet")

// Claims are the names and addresses that a node may not have.
type Claims struct {
	// Names and Addresses are the API server's.
	Names     []string
	Addresses []netip.Addr
	// Ranges are those of Services and pods.
	Ranges []netip.Prefix
}

// judge says why a request is not to be approved, or nil. Nodes are all nodes.
func judge(request *certificatesv1.CertificateSigningRequest, nodes []*v1.Node, taken Claims) error {
	asked, err := parse(request.Spec.Request)
	if err != nil {
		return err
	}
	usages := sets.New[string]()
	for _, usage := range request.Spec.Usages {
		usages.Insert(string(usage))
	}
	if err := certificates.ValidateKubeletServingCSR(asked, sets.NewString(usages.UnsortedList()...)); err != nil {
		return err
	}
	if asked.Subject.CommonName != request.Spec.Username {
		return fmt.Errorf("%s asks for a certificate of %s", request.Spec.Username, asked.Subject.CommonName)
	}
	name := strings.TrimPrefix(request.Spec.Username, "system:node:")
	own := slices.IndexFunc(nodes, func(n *v1.Node) bool { return n.Name == name })
	if own < 0 {
		return fmt.Errorf("%w: there is no node %s", errLater, name)
	}
	for _, dns := range asked.DNSNames {
		if dns != name || slices.Contains(taken.Names, dns) {
			return fmt.Errorf("the name %s is not the node's", dns)
		}
	}
	for _, ip := range asked.IPAddresses {
		address, _ := netip.AddrFromSlice(ip)
		if err := mayHave(nodes[own], address.Unmap(), nodes, taken); err != nil {
			return err
		}
	}
	return nil
}

func parse(request []byte) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode(request)
	if block == nil {
		return nil, errors.New("it is not PEM")
	}
	asked, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	return asked, asked.CheckSignature()
}

// mayHave says why a node may not have an address, or nil.
func mayHave(node *v1.Node, address netip.Addr, all []*v1.Node, taken Claims) error {
	if slices.Contains(taken.Addresses, address) || address.IsLoopback() || address.IsUnspecified() {
		return fmt.Errorf("the address %s is the API server's", address)
	}
	for _, r := range taken.Ranges {
		if r.Contains(address) {
			return fmt.Errorf("the address %s is in the cluster's own range %s", address, r)
		}
	}
	for _, other := range all {
		if other.Name != node.Name && hasAddress(other, address) {
			return fmt.Errorf("the address %s is that of node %s too", address, other.Name)
		}
	}
	if !hasAddress(node, address) {
		return fmt.Errorf("%w: the address %s is not that of node %s", errLater, address, node.Name)
	}
	return nil
}

func hasAddress(node *v1.Node, address netip.Addr) bool {
	return slices.ContainsFunc(node.Status.Addresses, func(a v1.NodeAddress) bool {
		parsed, err := netip.ParseAddr(a.Address)
		return err == nil && parsed == address
	})
}
