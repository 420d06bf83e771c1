package dns

import (
	"context"
	"fmt"
	"net/netip"

	v1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	discoveryv1ac "k8s.io/client-go/applyconfigurations/discovery/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/apply"
)

// serviceName is what everybody looks for; it is older than CoreDNS.
const serviceName = "kube-dns"

// ignoredByProxy makes kube-proxy leave the Service alone; any value does.
const ignoredByProxy = "service.kubernetes.io/service-proxy-name"

// Apply writes the Service kube-dns and its endpoints.
//
// The endpoints are the Service's own addresses, which each node has. They are
// for those who look where DNS is; no packet needs them (see package address).
func Apply(ctx context.Context, client kubernetes.Interface, o Options) error {
	var addresses []string
	policy := v1.IPFamilyPolicySingleStack
	for _, address := range o.Addresses {
		addresses = append(addresses, address.String())
	}
	if len(addresses) > 1 {
		policy = v1.IPFamilyPolicyRequireDualStack
	}
	type port struct {
		name     string
		protocol v1.Protocol
		number   int32
	}
	ports := []port{{"dns", v1.ProtocolUDP, int32(o.Port)}, {"dns-tcp", v1.ProtocolTCP, int32(o.Port)}}
	if o.MetricsPort > 0 {
		ports = append(ports, port{"metrics", v1.ProtocolTCP, int32(o.MetricsPort)})
	}

	spec := corev1ac.ServiceSpec().WithType(v1.ServiceTypeClusterIP).
		WithClusterIP(addresses[0]).WithClusterIPs(addresses...).WithIPFamilyPolicy(policy)
	for _, p := range ports {
		spec.WithPorts(corev1ac.ServicePort().WithName(p.name).WithProtocol(p.protocol).WithPort(p.number))
	}
	service := corev1ac.Service(serviceName, "kube-system").
		WithLabels(map[string]string{
			"k8s-app":                       "kube-dns",
			"kubernetes.io/cluster-service": "true",
			"kubernetes.io/name":            "CoreDNS",
			ignoredByProxy:                  "bulkhead-dns",
		}).WithSpec(spec)
	if _, err := client.CoreV1().Services("kube-system").Apply(ctx, service, apply.Options()); err != nil {
		return fmt.Errorf("apply Service kube-system/%s with address %v: %w", serviceName, addresses, err)
	}

	for _, address := range o.Addresses {
		slice := discoveryv1ac.EndpointSlice(sliceName(address), "kube-system").
			WithLabels(map[string]string{
				discoveryv1.LabelServiceName: serviceName,
				discoveryv1.LabelManagedBy:   "bulkhead.dev",
				ignoredByProxy:               "bulkhead-dns",
			}).
			WithAddressType(addressType(address)).
			WithEndpoints(discoveryv1ac.Endpoint().WithAddresses(address.String()).
				WithConditions(discoveryv1ac.EndpointConditions().WithReady(true).WithServing(true).WithTerminating(false)))
		for _, p := range ports {
			slice.WithPorts(discoveryv1ac.EndpointPort().WithName(p.name).WithProtocol(p.protocol).WithPort(p.number))
		}
		if _, err := client.DiscoveryV1().EndpointSlices("kube-system").Apply(ctx, slice, apply.Options()); err != nil {
			return fmt.Errorf("apply the endpoints of Service kube-system/%s: %w", serviceName, err)
		}
	}
	return nil
}

func sliceName(address netip.Addr) string {
	if address.Is4() {
		return serviceName + "-ipv4"
	}
	return serviceName + "-ipv6"
}

func addressType(address netip.Addr) discoveryv1.AddressType {
	if address.Is4() {
		return discoveryv1.AddressTypeIPv4
	}
	return discoveryv1.AddressTypeIPv6
}
