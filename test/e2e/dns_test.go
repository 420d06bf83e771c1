package e2e

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/test/cluster"
)

func TestDNS(t *testing.T) {
	s := newSpace(t)
	s.start("client", server())
	web := s.service("web", corev1.ServiceSpec{})
	s.service("peers", corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone})
	alias := s.service("alias", corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "web." + s.name + ".svc.cluster.local", Selector: map[string]string{}})
	named := server(func(p *corev1.PodSpec) { p.Hostname, p.Subdomain = "one", "peers" })
	s.start("peers", named)
	s.start("web", server())
	one, domain := s.pod("peers"), s.name+".svc.cluster.local"

	for _, q := range []struct{ kind, name, want string }{
		{"A", "web", web.Spec.ClusterIP},
		{"A", "web." + s.name, web.Spec.ClusterIP},
		{"A", "web." + domain + ".", web.Spec.ClusterIP},
		{"A", alias.Name, web.Spec.ClusterIP},
		{"A", "peers", one.Status.PodIP},
		{"A", "one.peers", one.Status.PodIP},
		{"A", strings.ReplaceAll(one.Status.PodIP, ".", "-") + "." + s.name + ".pod.cluster.local", one.Status.PodIP},
		{"A", "kubernetes.default", ""},
		{"SRV", "_http._tcp.web." + domain, "web." + domain + ".:80"},
		{"SRV", "_http._tcp.peers." + domain, "one.peers." + domain + ".:8080"},
		{"PTR", web.Spec.ClusterIP, "web." + domain + "."},
	} {
		s.eventually(15*time.Second, fmt.Sprintf("%s %s is found", q.kind, q.name), func() error {
			got := s.dns("client", q.kind, q.name)
			if got.Error != "" {
				return fmt.Errorf("%s", got.Error)
			}
			if q.want != "" && !slices.Equal(got.Answers, []string{q.want}) {
				return fmt.Errorf("it is %q, want %q", got.Answers, q.want)
			}
			if q.want == "" && (len(got.Answers) != 1 || net.ParseIP(got.Answers[0]) == nil) {
				return fmt.Errorf("it is %q, want one address", got.Answers)
			}
			return nil
		})
	}

	for _, name := range []string{"nobody." + domain + ".", "nobody", "nobody.outside.example."} {
		got := s.dns("client", "A", name)
		if !got.NotFound {
			t.Errorf("%s: answers %q, error %q; want that there is no such name", name, got.Answers, got.Error)
		}
		if got.Took > cluster.Patience(2*time.Second).Milliseconds() {
			t.Errorf("%s: it took %d ms to learn that there is no such name", name, got.Took)
		}
	}
	if outside != nil {
		if got := s.dns("client", "A", outsideName); !slices.Equal(got.Answers, []string{outsideAddress}) {
			t.Errorf("a name outside of the cluster: %+v, want %s", got, outsideAddress)
		}
	}
}
