package e2e

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// service makes a Service that sends port 80 to the pods of app name.
func (s *space) service(name string, spec corev1.ServiceSpec) *corev1.Service {
	s.Helper()
	if spec.Selector == nil {
		spec.Selector = labels(name)
	}
	if spec.Ports == nil {
		spec.Ports = []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromString("http")}}
	}
	service, err := kube.CoreV1().Services(s.name).Create(s.ctx, &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}, metav1.CreateOptions{})
	s.must(err)
	return service
}

// asks is how often a Service is asked to see all of its endpoints: by chance,
// one of two is missed in 1 of 2^15 tests.
const asks = 16

// answeredBy returns a condition: of several requests from inside of a pod,
// exactly these pods answer, and none fails.
func (s *space) answeredBy(client, address string, want ...string) func() error {
	return s.onlyFrom(func() (answer, error) { return s.fetch(client, address) }, want...)
}

func (s *space) onlyFrom(ask func() (answer, error), want ...string) func() error {
	return func() error {
		seen := map[string]bool{}
		for range asks {
			a, err := ask()
			if err != nil {
				return err
			}
			seen[a.Hostname] = true
		}
		slices.Sort(want)
		if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, want) {
			return fmt.Errorf("pods %v answer, want %v", got, want)
		}
		return nil
	}
}

// fromNode connects from the node's own network.
func fromNode(ctx context.Context, network, address string) (net.Conn, error) {
	return ours.Net.Dial(ctx, network, address)
}

// fromOutside connects from the network on the other side of the node's card.
func fromOutside(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

func (s *space) nodeAddress() string {
	s.Helper()
	nodes, err := kube.CoreV1().Nodes().List(s.ctx, metav1.ListOptions{})
	s.must(err)
	for _, address := range nodes.Items[0].Status.Addresses {
		if address.Type == corev1.NodeInternalIP {
			return address.Address
		}
	}
	s.Fatal("the node has no internal address")
	return ""
}

func TestServicesAnswer(t *testing.T) {
	s := newSpace(t)
	requireOurs(t)
	s.start("client", server())
	s.deploy("web", 2, server())
	var web []string
	for _, pod := range s.pods("web") {
		web = append(web, pod.Name)
	}
	inside := s.service("web", corev1.ServiceSpec{})
	nodePort := s.service("node-port", corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Selector: labels("web")})
	balanced := s.service("balanced", corev1.ServiceSpec{
		Type: corev1.ServiceTypeLoadBalancer, Selector: labels("web"),
		Ports: []corev1.ServicePort{{Name: "http", Port: 18080, TargetPort: intstr.FromString("http")}},
	})
	external := ""
	s.eventually(30*time.Second, "the LoadBalancer has an address", func() error {
		service, err := kube.CoreV1().Services(s.name).Get(s.ctx, balanced.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if len(service.Status.LoadBalancer.Ingress) == 0 {
			return fmt.Errorf("status %+v", service.Status)
		}
		external = service.Status.LoadBalancer.Ingress[0].IP
		return nil
	})

	node := s.nodeAddress()
	if external != node {
		t.Errorf("the LoadBalancer's address is %s, want the node's %s", external, node)
	}
	clusterIP := net.JoinHostPort(inside.Spec.ClusterIP, "80")
	port := net.JoinHostPort(node, strconv.Itoa(int(nodePort.Spec.Ports[0].NodePort)))
	lb := net.JoinHostPort(external, "18080")
	for _, way := range []struct {
		name string
		ask  func() (answer, error)
	}{
		{"ClusterIP by name from a pod", func() (answer, error) { return s.fetch("client", "web") }},
		{"ClusterIP from a pod", func() (answer, error) { return s.fetch("client", clusterIP) }},
		{"ClusterIP from the node", func() (answer, error) { return fetchFrom(s.ctx, fromNode, clusterIP) }},
		{"NodePort from a pod", func() (answer, error) { return s.fetch("client", port) }},
		{"NodePort from the node", func() (answer, error) { return fetchFrom(s.ctx, fromNode, port) }},
		{"NodePort from outside", func() (answer, error) { return fetchFrom(s.ctx, fromOutside, port) }},
		{"LoadBalancer from a pod", func() (answer, error) { return s.fetch("client", lb) }},
		{"LoadBalancer from the node", func() (answer, error) { return fetchFrom(s.ctx, fromNode, lb) }},
		{"LoadBalancer from outside", func() (answer, error) { return fetchFrom(s.ctx, fromOutside, lb) }},
	} {
		s.eventually(20*time.Second, way.name+" is answered by both pods", s.onlyFrom(way.ask, web...))
	}
}

func TestServiceReachesItsOwnPod(t *testing.T) {
	s := newSpace(t)
	s.start("web", server())
	// In the pod, its own name is its own address: the Service needs another.
	s.service("self", corev1.ServiceSpec{Selector: labels("web")})
	s.eventually(20*time.Second, "a pod reaches itself through its Service", s.answeredBy("web", "self", "web"))
}

func TestServiceOverUDP(t *testing.T) {
	s := newSpace(t)
	s.start("client", server())
	s.start("echo", server())
	s.service("echo", corev1.ServiceSpec{Ports: []corev1.ServicePort{{Protocol: corev1.ProtocolUDP, Port: 53, TargetPort: intstr.FromInt32(8080)}}})
	s.eventually(20*time.Second, "the Service answers over UDP", func() error {
		body, err := s.viaProxy("GET", "client", "/udp", values("to", "echo:53"))
		if err == nil && body != "echo" {
			err = fmt.Errorf("%q answered", body)
		}
		return err
	})
}

func TestServiceWithoutEndpointsRefusesAtOnce(t *testing.T) {
	s := newSpace(t)
	s.start("client", server())
	service := s.service("nothing", corev1.ServiceSpec{})
	s.eventually(20*time.Second, "the connection is refused", func() error {
		_, err := s.viaProxy("GET", "client", "/fetch", values("url", "http://"+service.Spec.ClusterIP))
		return wantError(err, "refused")
	})
}

func TestSessionAffinity(t *testing.T) {
	s := newSpace(t)
	s.start("client", server())
	s.deploy("web", 3, server())
	s.service("web", corev1.ServiceSpec{SessionAffinity: corev1.ServiceAffinityClientIP})
	s.eventually(20*time.Second, "the Service answers", func() error {
		_, err := s.fetch("client", "web")
		return err
	})
	first, err := s.fetch("client", "web")
	s.must(err)
	s.must(s.answeredBy("client", "web", first.Hostname)())
}

func TestExternalTrafficPolicyLocalKeepsTheClientsAddress(t *testing.T) {
	s := newSpace(t)
	requireOurs(t)
	s.start("web", server())
	service := s.service("web", corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyLocal})
	address := net.JoinHostPort(s.nodeAddress(), strconv.Itoa(int(service.Spec.Ports[0].NodePort)))
	s.eventually(20*time.Second, "the pod sees who asks", func() error {
		a, err := fetchFrom(s.ctx, fromOutside, address)
		if err != nil {
			return err
		}
		if client, err := netip.ParseAddrPort(a.Client); err != nil || client.Addr() != ours.Net.Gateway {
			return fmt.Errorf("it sees %s, want %s", a.Client, ours.Net.Gateway)
		}
		return nil
	})
}
