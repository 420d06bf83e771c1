package loadbalancer

import (
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func service(name string, age time.Duration, change func(*v1.Service), ports ...int32) *v1.Service {
	s := &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, CreationTimestamp: metav1.NewTime(time.Unix(1e9, 0).Add(-age))},
		Spec:       v1.ServiceSpec{Type: v1.ServiceTypeLoadBalancer, IPFamilies: []v1.IPFamily{v1.IPv4Protocol}},
	}
	for _, port := range ports {
		s.Spec.Ports = append(s.Spec.Ports, v1.ServicePort{Port: port, Protocol: v1.ProtocolTCP})
	}
	if change != nil {
		change(s)
	}
	return s
}

func node(name string, addresses ...string) *v1.Node {
	n := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, address := range addresses {
		n.Status.Addresses = append(n.Status.Addresses, v1.NodeAddress{Type: v1.NodeInternalIP, Address: address})
	}
	return n
}

func holding(ips ...string) func(*v1.Service) {
	return func(s *v1.Service) {
		for _, ip := range ips {
			s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, v1.LoadBalancerIngress{IP: ip})
		}
	}
}

func TestDesired(t *testing.T) {
	oneNode := []*v1.Node{node("n1", "10.0.0.1", "fd00::1")}
	// A row's outcomes: Service name → addresses, or "!" and what its reason
	// contains, or "-" where the Service is none of ours.
	for _, test := range []struct {
		name     string
		services []*v1.Service
		nodes    []*v1.Node
		reserved map[Port]string
		want     map[string]string
	}{{
		name:     "gets the node's address of its family",
		services: []*v1.Service{service("a", 0, nil, 80)},
		nodes:    oneNode,
		want:     map[string]string{"a": "10.0.0.1"},
	}, {
		name:     "dual stack",
		services: []*v1.Service{service("a", 0, func(s *v1.Service) { s.Spec.IPFamilies = []v1.IPFamily{v1.IPv6Protocol, v1.IPv4Protocol} }, 80)},
		nodes:    oneNode,
		want:     map[string]string{"a": "10.0.0.1,fd00::1"},
	}, {
		name:     "all nodes but those that are excluded",
		services: []*v1.Service{service("a", 0, nil, 80)},
		nodes: []*v1.Node{node("n2", "10.0.0.2"), node("n1", "10.0.0.1"), func() *v1.Node {
			n := node("n3", "10.0.0.3")
			n.Labels = map[string]string{v1.LabelNodeExcludeBalancers: ""}
			return n
		}()},
		want: map[string]string{"a": "10.0.0.1,10.0.0.2"},
	}, {
		name:     "no node has the family",
		services: []*v1.Service{service("a", 0, func(s *v1.Service) { s.Spec.IPFamilies = []v1.IPFamily{v1.IPv6Protocol} }, 80)},
		nodes:    []*v1.Node{node("n1", "10.0.0.1")},
		want:     map[string]string{"a": "!no node has an address"},
	}, {
		name:     "the older has the port",
		services: []*v1.Service{service("young", 0, nil, 80), service("old", time.Hour, nil, 443, 80)},
		nodes:    oneNode,
		want:     map[string]string{"old": "10.0.0.1", "young": "!port 80/TCP of the nodes is taken by Service default/old"},
	}, {
		name:     "who has the port keeps it from an older",
		services: []*v1.Service{service("has", 0, holding("10.0.0.1"), 80), service("old", time.Hour, nil, 80)},
		nodes:    oneNode,
		want:     map[string]string{"has": "10.0.0.1", "old": "!Service default/has"},
	}, {
		name: "the same number of another protocol is another port",
		services: []*v1.Service{service("tcp", time.Hour, nil, 53), service("udp", 0, func(s *v1.Service) {
			s.Spec.Ports = []v1.ServicePort{{Port: 53, Protocol: v1.ProtocolUDP}}
		})},
		nodes: oneNode,
		want:  map[string]string{"tcp": "10.0.0.1", "udp": "10.0.0.1"},
	}, {
		name:     "the class of another controller",
		services: []*v1.Service{service("a", 0, func(s *v1.Service) { other := "example.com/x"; s.Spec.LoadBalancerClass = &other }, 80), service("b", 0, nil, 80)},
		nodes:    oneNode,
		want:     map[string]string{"a": "-", "b": "10.0.0.1"},
	}, {
		name:     "our class by name",
		services: []*v1.Service{service("a", 0, func(s *v1.Service) { class := Class; s.Spec.LoadBalancerClass = &class }, 80)},
		nodes:    oneNode,
		want:     map[string]string{"a": "10.0.0.1"},
	}, {
		name: "no longer a load balancer: cleared, and its port is free",
		services: []*v1.Service{service("was", time.Hour, func(s *v1.Service) {
			holding("10.0.0.1")(s)
			s.Spec.Type = v1.ServiceTypeClusterIP
		}, 80), service("next", 0, nil, 80)},
		nodes: oneNode,
		want:  map[string]string{"was": "", "next": "10.0.0.1"},
	}, {
		name:     "never was one",
		services: []*v1.Service{service("a", 0, func(s *v1.Service) { s.Spec.Type = v1.ServiceTypeClusterIP }, 80)},
		nodes:    oneNode,
		want:     map[string]string{"a": "-"},
	}, {
		name:     "a reserved port",
		services: []*v1.Service{service("a", 0, nil, 6443)},
		nodes:    oneNode,
		reserved: DefaultReserved(),
		want:     map[string]string{"a": "!6443/TCP of the nodes is taken by the API server"},
	}, {
		name: "another Service's node port",
		services: []*v1.Service{service("a", time.Hour, nil, 30080), service("np", 0, func(s *v1.Service) {
			s.Spec.Type = v1.ServiceTypeNodePort
			s.Spec.Ports[0].NodePort = 30080
		}, 80)},
		nodes: oneNode,
		want:  map[string]string{"a": "!the node port of Service default/np", "np": "-"},
	}, {
		name:     "its own node port",
		services: []*v1.Service{service("a", 0, func(s *v1.Service) { s.Spec.Ports[0].NodePort = 30080 }, 30080)},
		nodes:    oneNode,
		want:     map[string]string{"a": "10.0.0.1"},
	}} {
		t.Run(test.name, func(t *testing.T) {
			got := desired(test.services, test.nodes, test.reserved)
			for _, s := range test.services {
				outcome, ours := got[name(s)]
				want := test.want[s.Name]
				switch {
				case want == "-":
					if ours {
						t.Errorf("%s: %+v, want it left alone", s.Name, outcome)
					}
				case strings.HasPrefix(want, "!"):
					if len(outcome.ingress) > 0 || !strings.Contains(outcome.reason, want[1:]) {
						t.Errorf("%s: %+v, want a reason with %q", s.Name, outcome, want[1:])
					}
				default:
					var ips []string
					for _, ingress := range outcome.ingress {
						if *ingress.IPMode != v1.LoadBalancerIPModeVIP {
							t.Errorf("%s: mode %s, want VIP", s.Name, *ingress.IPMode)
						}
						ips = append(ips, ingress.IP)
					}
					if got := strings.Join(ips, ","); !ours || got != want || outcome.reason != "" {
						t.Errorf("%s: %q %q, want %q", s.Name, got, outcome.reason, want)
					}
				}
			}
		})
	}
}
