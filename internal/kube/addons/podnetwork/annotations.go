package podnetwork

import (
	"net/netip"

	"github.com/flannel-io/flannel/pkg/ip"
	"github.com/flannel-io/flannel/pkg/lease"
	v1 "k8s.io/api/core/v1"
)

// flannel's annotations, so that its tools and its users read ours.
const (
	annotationType    = "flannel.alpha.coreos.com/backend-type"
	annotationData    = "flannel.alpha.coreos.com/backend-data"
	annotationAddress = "flannel.alpha.coreos.com/public-ip"
)

func annotationsOf(attrs *lease.LeaseAttrs) map[string]string {
	data := string(attrs.BackendData)
	if data == "" {
		data = "null"
	}
	return map[string]string{
		annotationType: attrs.BackendType, annotationData: data, annotationAddress: attrs.PublicIP.String(),
	}
}

// leaseOf reads what a node has noted; false if it has not, or not so that it can
// be used.
func leaseOf(node *v1.Node) (lease.Lease, bool) {
	pods, err := netip.ParsePrefix(node.Spec.PodCIDR)
	if err != nil || !pods.Addr().Is4() {
		return lease.Lease{}, false
	}
	address, err := netip.ParseAddr(node.Annotations[annotationAddress])
	if err != nil || !address.Is4() || node.Annotations[annotationType] == "" {
		return lease.Lease{}, false
	}
	return lease.Lease{
		EnableIPv4: true,
		Subnet:     toFlannel(pods),
		Attrs: lease.LeaseAttrs{
			PublicIP: ip.FromIP(address.AsSlice()), BackendType: node.Annotations[annotationType],
			BackendData: []byte(node.Annotations[annotationData]),
		},
	}, true
}
