package table

import (
	"net/netip"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

func service(r view.Row, s *corev1.Service) {
	s.Spec.Type = corev1.ServiceType(r.Get("TYPE"))
	if ip := r.Raw("CLUSTER-IP"); ip == "None" {
		s.Spec.ClusterIP = corev1.ClusterIPNone
	} else {
		s.Spec.ClusterIP = view.Value(ip)
	}
	for _, a := range list(r.Get("EXTERNAL-IP")) {
		switch {
		case a == "<pending>":
		case s.Spec.Type == corev1.ServiceTypeExternalName:
			s.Spec.ExternalName = a
		case s.Spec.Type == corev1.ServiceTypeLoadBalancer && isIP(a):
			s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, corev1.LoadBalancerIngress{IP: a})
		case s.Spec.Type == corev1.ServiceTypeLoadBalancer:
			s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, corev1.LoadBalancerIngress{Hostname: a})
		default:
			s.Spec.ExternalIPs = append(s.Spec.ExternalIPs, a)
		}
	}
	for _, p := range list(r.Get("PORT(S)")) {
		number, protocol, _ := strings.Cut(p, "/")
		number, nodePort, _ := strings.Cut(number, ":")
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Port: view.Int32(number), NodePort: view.Int32(nodePort), Protocol: corev1.Protocol(protocol)})
	}
	s.Spec.Selector = view.Labels(r.Raw("SELECTOR"))
}

func isIP(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// more is what follows the first three addresses.
var more = lazyregexp.New(` \+ \d+ more\.\.\.$`)

func endpoints(r view.Row, e *corev1.Endpoints) {
	s := more.ReplaceAllString(r.Get("ENDPOINTS"), "")
	byPort := map[string]int{}
	for _, a := range list(s) {
		i := strings.LastIndexByte(a, ':')
		if i < 0 || isIP(a) {
			a += ":"
			i = len(a) - 1
		}
		at, ok := byPort[a[i+1:]]
		if !ok {
			at = len(e.Subsets)
			byPort[a[i+1:]] = at
			e.Subsets = append(e.Subsets, corev1.EndpointSubset{})
			if port := view.Int32(a[i+1:]); port != 0 {
				e.Subsets[at].Ports = []corev1.EndpointPort{{Port: port}}
			}
		}
		e.Subsets[at].Addresses = append(e.Subsets[at].Addresses, corev1.EndpointAddress{IP: strings.Trim(a[:i], "[]")})
	}
}

func endpointSlice(r view.Row, s *discoveryv1.EndpointSlice) {
	s.AddressType = discoveryv1.AddressType(r.Get("ADDRESSTYPE"))
	for _, p := range list(more.ReplaceAllString(r.Get("PORTS"), "")) {
		if n, err := strconv.ParseInt(p, 10, 32); err == nil {
			port := int32(n)
			s.Ports = append(s.Ports, discoveryv1.EndpointPort{Port: &port})
		}
	}
	for _, a := range list(more.ReplaceAllString(r.Get("ENDPOINTS"), "")) {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{a}})
	}
}

func ingress(r view.Row, i *networkingv1.Ingress) {
	if c := r.Get("CLASS"); c != "" {
		i.Spec.IngressClassName = &c
	}
	for _, h := range list(more.ReplaceAllString(r.Get("HOSTS"), "")) {
		if h == "*" {
			h = ""
		}
		i.Spec.Rules = append(i.Spec.Rules, networkingv1.IngressRule{Host: h})
	}
	for _, a := range list(r.Get("ADDRESS")) {
		p := networkingv1.IngressLoadBalancerIngress{Hostname: a}
		if isIP(a) {
			p = networkingv1.IngressLoadBalancerIngress{IP: a}
		}
		i.Status.LoadBalancer.Ingress = append(i.Status.LoadBalancer.Ingress, p)
	}
}
