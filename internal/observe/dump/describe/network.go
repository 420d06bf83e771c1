package describe

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

func service(n *node, s *corev1.Service) {
	s.Spec.Selector = view.Labels(n.get("Selector"))
	s.Spec.Type = corev1.ServiceType(n.get("Type"))
	if p := view.Value(n.get("IP Family Policy")); p != "" {
		policy := corev1.IPFamilyPolicy(p)
		s.Spec.IPFamilyPolicy = &policy
	}
	for _, f := range split(n.get("IP Families")) {
		s.Spec.IPFamilies = append(s.Spec.IPFamilies, corev1.IPFamily(f))
	}
	s.Spec.ClusterIP = view.Value(n.get("IP"))
	s.Spec.ClusterIPs = split(n.get("IPs"))
	s.Spec.ExternalIPs = split(n.get("External IPs"))
	s.Spec.ExternalName = view.Value(n.get("External Name"))
	s.Spec.SessionAffinity = corev1.ServiceAffinity(view.Value(n.get("Session Affinity")))
	s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicy(view.Value(n.get("External Traffic Policy")))
	if p := view.Value(n.get("Internal Traffic Policy")); p != "" {
		policy := corev1.ServiceInternalTrafficPolicy(p)
		s.Spec.InternalTrafficPolicy = &policy
	}
	for _, a := range split(n.get("LoadBalancer Ingress")) {
		a, _, _ = strings.Cut(a, " (")
		s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, ingressPoint(a))
	}
	s.Spec.Ports = servicePorts(n)
}

func ingressPoint(a string) corev1.LoadBalancerIngress {
	if strings.Trim(a, "0123456789.") == "" || strings.Contains(a, ":") {
		return corev1.LoadBalancerIngress{IP: a}
	}
	return corev1.LoadBalancerIngress{Hostname: a}
}

// servicePorts reads the lines from each Port on.
func servicePorts(n *node) []corev1.ServicePort {
	var out []corev1.ServicePort
	for _, k := range n.kids {
		f := strings.Fields(k.value)
		if k.key == "Port" && len(f) >= 2 {
			number, protocol, _ := strings.Cut(f[len(f)-1], "/")
			out = append(out, corev1.ServicePort{Name: view.Value(f[0]), Port: view.Int32(number), Protocol: corev1.Protocol(protocol)})
		}
		if len(out) == 0 || len(f) == 0 {
			continue
		}
		p := &out[len(out)-1]
		switch k.key {
		case "TargetPort":
			i := strings.LastIndexByte(f[0], '/')
			if i < 0 {
				i = len(f[0])
			}
			p.TargetPort = view.IntOrString(f[0][:i])
		case "NodePort":
			p.NodePort = view.Int32(f[len(f)-1])
		case "AppProtocol":
			protocol := f[0]
			p.AppProtocol = &protocol
		}
	}
	return out
}

// endpoints reads subsets that stand one after the other, each from its Addresses
// on.
func endpoints(n *node, e *corev1.Endpoints) {
	for _, k := range n.kid("Subsets").kids {
		switch k.key {
		case "Addresses":
			e.Subsets = append(e.Subsets, corev1.EndpointSubset{Addresses: addresses(k.value)})
		case "NotReadyAddresses":
			if last := len(e.Subsets) - 1; last >= 0 {
				e.Subsets[last].NotReadyAddresses = addresses(k.value)
			}
		case "Ports":
			last := len(e.Subsets) - 1
			for _, r := range rows(k) {
				if last >= 0 {
					e.Subsets[last].Ports = append(e.Subsets[last].Ports, corev1.EndpointPort{Name: r.Get("Name"),
						Port: view.Int32(r.Raw("Port")), Protocol: corev1.Protocol(r.Get("Protocol"))})
				}
			}
		}
	}
}

func addresses(s string) []corev1.EndpointAddress {
	var out []corev1.EndpointAddress
	for _, ip := range split(s) {
		out = append(out, corev1.EndpointAddress{IP: ip})
	}
	return out
}

func endpointSlice(n *node, s *discoveryv1.EndpointSlice) {
	s.AddressType = discoveryv1.AddressType(n.get("AddressType"))
	for _, r := range rows(n.kid("Ports")) {
		p := discoveryv1.EndpointPort{Port: view.Int32Ptr(r.Raw("Port"))}
		name, protocol := r.Get("Name"), corev1.Protocol(r.Get("Protocol"))
		p.Name, p.Protocol = &name, &protocol
		s.Ports = append(s.Ports, p)
	}
	for _, k := range n.kid("Endpoints").kids {
		if k.key != "- Addresses" {
			continue
		}
		e := discoveryv1.Endpoint{Addresses: split(k.value)}
		switch k.kid("Conditions").get("Ready") {
		case "true":
			yes := true
			e.Conditions.Ready = &yes
		case "false":
			no := false
			e.Conditions.Ready = &no
		}
		if kind, name, ok := strings.Cut(k.get("TargetRef"), "/"); ok {
			e.TargetRef = &corev1.ObjectReference{Kind: kind, Namespace: s.Namespace, Name: name}
		}
		if node := view.Value(k.get("NodeName")); node != "" {
			e.NodeName = &node
		}
		if zone := view.Value(k.get("Zone")); zone != "" {
			e.Zone = &zone
		}
		if host := view.Value(k.get("Hostname")); host != "" {
			e.Hostname = &host
		}
		s.Endpoints = append(s.Endpoints, e)
	}
}

func ingress(n *node, i *networkingv1.Ingress) {
	if c := view.Value(n.get("Ingress Class")); c != "" {
		i.Spec.IngressClassName = &c
	}
	for _, a := range split(n.get("Address")) {
		p := ingressPoint(a)
		i.Status.LoadBalancer.Ingress = append(i.Status.LoadBalancer.Ingress, networkingv1.IngressLoadBalancerIngress{IP: p.IP, Hostname: p.Hostname})
	}
	if d := n.get("Default backend"); !view.None(d) && !strings.HasPrefix(d, "<default>") && !strings.HasPrefix(d, "default-http-backend:80") {
		b := backend(d)
		i.Spec.DefaultBackend = &b
	}
	for _, k := range n.kid("TLS").kids {
		if name, hosts, ok := strings.Cut(k.text, " terminates "); ok {
			i.Spec.TLS = append(i.Spec.TLS, networkingv1.IngressTLS{SecretName: name, Hosts: split(hosts)})
		} else if hosts, ok := strings.CutPrefix(k.text, "SNI routes "); ok {
			i.Spec.TLS = append(i.Spec.TLS, networkingv1.IngressTLS{Hosts: split(hosts)})
		}
	}
	ingressRules(n.kid("Rules"), i)
}

// ingressRules reads hosts at the table's left, with their paths below.
func ingressRules(n *node, i *networkingv1.Ingress) {
	for _, l := range n.lines {
		f := strings.Fields(l)
		if len(f) == 0 || f[0] == "Host" || strings.HasPrefix(f[0], "----") {
			continue
		}
		if indentOf(l) <= 2 && len(f) == 1 {
			host := f[0]
			if host == "*" {
				host = ""
			}
			i.Spec.Rules = append(i.Spec.Rules, networkingv1.IngressRule{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{}}})
			continue
		}
		if len(i.Spec.Rules) == 0 || indentOf(l) <= 2 {
			continue
		}
		p := networkingv1.HTTPIngressPath{}
		if strings.HasPrefix(f[0], "/") {
			p.Path = f[0]
			f = f[1:]
		}
		p.Backend = backend(strings.Join(f, " "))
		http := i.Spec.Rules[len(i.Spec.Rules)-1].HTTP
		http.Paths = append(http.Paths, p)
	}
}

// backend reads web:80 (10.1.0.4:8080).
func backend(s string) networkingv1.IngressBackend {
	s, _, _ = strings.Cut(s, " ")
	name, port, ok := strings.Cut(s, ":")
	if !ok {
		return networkingv1.IngressBackend{}
	}
	b := networkingv1.IngressServiceBackend{Name: name}
	if n, ok := view.Int(port); ok {
		b.Port.Number = int32(n & 0xffff)
	} else {
		b.Port.Name = port
	}
	return networkingv1.IngressBackend{Service: &b}
}
