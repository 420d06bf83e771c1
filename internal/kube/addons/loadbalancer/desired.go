package loadbalancer

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Class is the loadBalancerClass that names this controller; Services without a
// class are its own too.
const Class = "bulkhead.dev/node"

// Port is a port of the nodes' addresses.
type Port struct {
	Protocol v1.Protocol
	Number   int32
}

// TCP is the TCP port of a number.
func TCP(number int) Port { return Port{v1.ProtocolTCP, int32(number)} }

func (p Port) String() string { return fmt.Sprintf("%d/%s", p.Number, p.Protocol) }

// outcome is what a Service's status is to be.
type outcome struct {
	// ingress is empty while the Service cannot have an address.
	ingress []v1.LoadBalancerIngress
	// reason says why ingress is empty; empty where there is nothing to say.
	reason string
}

// desired returns the outcome of every Service that is, or whose status once
// was, in this controller's hands; Services that it does not name are somebody
// else's. reserved are ports of the node that no Service may take, with what
// they are for.
func desired(services []*v1.Service, nodes []*v1.Node, reserved map[Port]string) map[types.NamespacedName]outcome {
	addresses := nodeAddresses(nodes)
	holders := map[Port]string{}
	for port, what := range reserved {
		holders[port] = what
	}
	// kube-proxy looks an address and port up before it looks a node port up:
	// a Service that took a node port's number would cut that one off.
	for _, service := range services {
		for _, port := range service.Spec.Ports {
			if port.NodePort != 0 {
				holders[Port{protocolOf(port), port.NodePort}] = "the node port of Service " + name(service).String()
			}
		}
	}

	outcomes := map[types.NamespacedName]outcome{}
	for _, service := range bySeniority(services) {
		switch {
		case !classIsOurs(service):
			continue
		case service.Spec.Type != v1.ServiceTypeLoadBalancer || service.DeletionTimestamp != nil:
			// Also of a Service that is going: it frees its ports at once.
			if len(service.Status.LoadBalancer.Ingress) > 0 {
				outcomes[name(service)] = outcome{}
			}
			continue
		}
		if reason := conflict(service, holders); reason != "" {
			outcomes[name(service)] = outcome{reason: reason}
			continue
		}
		ingress := ingressOf(service, addresses)
		if len(ingress) == 0 {
			outcomes[name(service)] = outcome{reason: fmt.Sprintf("no node has an address of the families %v that this Service asks for", service.Spec.IPFamilies)}
			continue
		}
		outcomes[name(service)] = outcome{ingress: ingress}
		for _, port := range service.Spec.Ports {
			holders[Port{protocolOf(port), port.Port}] = "Service " + name(service).String()
		}
	}
	return outcomes
}

// conflict returns a sentence about the first port of service that somebody
// else holds, or "".
func conflict(service *v1.Service, holders map[Port]string) string {
	for _, port := range service.Spec.Ports {
		wanted := Port{protocolOf(port), port.Port}
		if holder, taken := holders[wanted]; taken {
			// Its own node port may well have the number of its port.
			if holder == "the node port of Service "+name(service).String() {
				continue
			}
			return fmt.Sprintf("port %s of the nodes is taken by %s; choose another port, or remove that", wanted, holder)
		}
	}
	return ""
}

// bySeniority orders Services so that those which have addresses keep them, and
// of the others the oldest comes first.
func bySeniority(services []*v1.Service) []*v1.Service {
	sorted := slices.Clone(services)
	slices.SortFunc(sorted, func(a, b *v1.Service) int {
		return cmp.Or(
			-cmp.Compare(min(1, len(a.Status.LoadBalancer.Ingress)), min(1, len(b.Status.LoadBalancer.Ingress))),
			a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
			cmp.Compare(a.Namespace, b.Namespace),
			cmp.Compare(a.Name, b.Name),
		)
	})
	return sorted
}

// nodeAddresses returns the internal addresses of all nodes that take part,
// sorted, so that equal nodes make equal statuses.
func nodeAddresses(nodes []*v1.Node) []netip.Addr {
	var addresses []netip.Addr
	for _, node := range nodes {
		if _, excluded := node.Labels[v1.LabelNodeExcludeBalancers]; excluded || node.DeletionTimestamp != nil {
			continue
		}
		for _, address := range node.Status.Addresses {
			if address.Type != v1.NodeInternalIP {
				continue
			}
			if addr, err := netip.ParseAddr(address.Address); err == nil {
				addresses = append(addresses, addr)
			}
		}
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	return slices.Compact(addresses)
}

// ingressOf returns the addresses of the families that service wants. Mode VIP
// makes kube-proxy carry the address itself, also for pods.
func ingressOf(service *v1.Service, addresses []netip.Addr) []v1.LoadBalancerIngress {
	vip := v1.LoadBalancerIPModeVIP
	var ingress []v1.LoadBalancerIngress
	for _, addr := range addresses {
		family := v1.IPv4Protocol
		if addr.Is6() {
			family = v1.IPv6Protocol
		}
		if len(service.Spec.IPFamilies) == 0 || slices.Contains(service.Spec.IPFamilies, family) {
			ingress = append(ingress, v1.LoadBalancerIngress{IP: addr.String(), IPMode: &vip})
		}
	}
	return ingress
}

func classIsOurs(service *v1.Service) bool {
	return service.Spec.LoadBalancerClass == nil || *service.Spec.LoadBalancerClass == Class
}

func protocolOf(port v1.ServicePort) v1.Protocol { return cmp.Or(port.Protocol, v1.ProtocolTCP) }

func name(service *v1.Service) types.NamespacedName {
	return types.NamespacedName{Namespace: service.Namespace, Name: service.Name}
}
