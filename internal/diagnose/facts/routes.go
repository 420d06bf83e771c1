package facts

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
)

// route is that requests for a path go to a Service.
type route struct {
	path string
	to   string // the Service's name
	in   model.Key
}

// routeParts finds paths and upstreams in the route tables of gateways: Spring's,
// nginx's, Envoy's, Traefik's, HAProxy's. In each entry they stand side by side, in
// either order.
var routeParts = lazyregexp.New(`(?m)` +
	`(?:Path(?:Prefix)?[=(]\W*|^\s*location\s+(?:[=~^*]+\s*)?|(?:prefix|path):\s*["']?)(/[\w./-]*)` +
	`|(?:\buri:\s*["']?|proxy_pass\s+|\burl:\s*["']?)(?:lb|https?|grpc)://(?:\$\{[^:}]*:)?([a-zA-Z0-9][\w-]*)` +
	`|\bcluster:\s*["']?([a-zA-Z0-9][\w-]*)`)

// upstreams are nginx's names for the servers behind them.
var upstreams = lazyregexp.New(`(?s)\bupstream\s+([\w.-]+)\s*\{[^}]*?\bserver\s+([a-zA-Z0-9][\w-]*)`)

// routesIn are the routes of a text.
func routesIn(text string, in model.Key) []route {
	var out []route
	path, to := "", ""
	behind := map[string]string{}
	for _, g := range upstreams.FindAllStringSubmatch(text, 200) {
		behind[g[1]] = g[2]
	}
	for _, g := range routeParts.FindAllStringSubmatch(text, 2000) {
		switch {
		case g[1] != "":
			path = g[1]
		default:
			to = g[2] + g[3]
			if server, ok := behind[to]; ok {
				to = server
			}
		}
		if path != "" && to != "" {
			out = append(out, route{path, to, in})
			path, to = "", ""
		}
	}
	return out
}

// routes finds routes that lead to another Service than the one that their path
// names, while no route leads there.
func routes(m *model.Model, emit func(Fact)) {
	byNamespace := map[string][]route{}
	for _, o := range m.Objects(model.KindConfigMap) {
		if c, ok := o.Value.(*corev1.ConfigMap); ok {
			for _, text := range c.Data {
				byNamespace[o.Key.Namespace] = append(byNamespace[o.Key.Namespace], routesIn(text, o.Key)...)
			}
		}
	}
	for _, o := range m.Objects(model.KindIngress) {
		if i, ok := o.Value.(*networkingv1.Ingress); ok {
			byNamespace[o.Key.Namespace] = append(byNamespace[o.Key.Namespace], ingressRoutes(m, i, o.Key, emit)...)
		}
	}
	for ns, all := range byNamespace {
		misrouted(m, ns, all, emit)
	}
}

func ingressRoutes(m *model.Model, i *networkingv1.Ingress, in model.Key, emit func(Fact)) []route {
	var out []route
	for _, r := range i.Spec.Rules {
		if r.HTTP == nil {
			continue
		}
		for _, p := range r.HTTP.Paths {
			if p.Backend.Service == nil {
				continue
			}
			to := model.Key{Kind: model.KindService, Namespace: in.Namespace, Name: p.Backend.Service.Name}
			out = append(out, route{p.Path, to.Name, in})
			if m.Absent(to) {
				emit(Fact{ID: "IngressBackendMissing", Object: in, Still: true, Since: i.CreationTimestamp.Time, About: []model.Key{to}, Strength: 0.95,
					Message:  fmt.Sprintf("it sends %s%s to the Service %s, which does not exist", r.Host, p.Path, to.Name),
					Evidence: []Evidence{evidence("state", "the backend "+to.Name+" is not there", m.Now)}})
			}
		}
	}
	return out
}

func misrouted(m *model.Model, ns string, all []route, emit func(Fact)) {
	if len(all) < 3 {
		return // too few to tell a habit from a mistake
	}
	served := map[string]bool{}
	for _, r := range all {
		served[r.to] = true
	}
	for _, r := range all {
		meant := ""
		for _, s := range m.Services() {
			if s.Key.Namespace == ns && fits(r.path, s.Key.Name) && (meant == "" || len(s.Key.Name) < len(meant)) {
				meant = s.Key.Name
			}
		}
		if meant == "" || meant == r.to || fits(r.path, r.to) || served[meant] {
			continue
		}
		f := Fact{ID: "GatewayMisroute", Object: model.Key{Kind: model.KindService, Namespace: ns, Name: meant}, Still: true, About: []model.Key{r.in}, Strength: 0.88,
			Message: fmt.Sprintf("requests for %s are sent to %s instead, by the routes in %s %s", r.path, r.to, strings.ToLower(r.in.Kind), r.in.Name)}
		f.Evidence = append(f.Evidence, evidence("state", fmt.Sprintf("route %s leads to %s; no route leads to %s", r.path, r.to, meant), m.Now))
		emit(f)
	}
}

// fits says that a part of a path is the name of a Service, leaving out a prefix
// that all names of an application have.
func fits(path, service string) bool {
	name := plain(service)
	for _, part := range strings.Split(path, "/") {
		p := plain(part)
		if len(p) >= 5 && (p == name || strings.HasSuffix(name, p) && len(name)-len(p) <= 4) {
			return true
		}
	}
	return false
}

func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(s))
}
