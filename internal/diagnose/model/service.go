package model

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/logline"
)

// Service is a Service with what it leads to.
type Service struct {
	*corev1.Service
	Object *Object
	Key    Key
	// Pods are those that it selects.
	Pods []*Pod
	// Workloads are those whose pods it selects, or would select if they had any.
	Workloads []*Workload
	// Ready and NotReady count its endpoints; EndpointsKnown if they are recorded.
	Ready, NotReady int
	EndpointsKnown  bool
}

// Port says whether the Service has that port.
func (s *Service) Port(port int) *corev1.ServicePort {
	for i := range s.Spec.Ports {
		if int(s.Spec.Ports[i].Port) == port {
			return &s.Spec.Ports[i]
		}
	}
	return nil
}

func (x *index) addServices(m *Model) {
	byNamespace := map[string][]*Workload{}
	for _, w := range x.workloads {
		byNamespace[w.Key.Namespace] = append(byNamespace[w.Key.Namespace], w)
	}
	for _, o := range m.Objects(KindService) {
		v, ok := o.Value.(*corev1.Service)
		if !ok {
			continue
		}
		s := &Service{Service: v, Object: o, Key: o.Key}
		s.Pods = m.selected(o.Key.Namespace, v.Spec.Selector)
		seen := map[*Workload]bool{}
		for _, p := range s.Pods {
			if !seen[p.Workload] {
				seen[p.Workload] = true
				s.Workloads = append(s.Workloads, p.Workload)
			}
		}
		if len(s.Workloads) == 0 && len(v.Spec.Selector) > 0 {
			for _, w := range byNamespace[o.Key.Namespace] {
				if Matches(v.Spec.Selector, w.Labels()) {
					s.Workloads = append(s.Workloads, w)
				}
			}
		}
		if len(s.Workloads) == 0 && len(v.Spec.Selector) == 0 && !o.Shown() {
			s.byName(byNamespace[o.Key.Namespace])
		}
		x.services = append(x.services, s)
		x.svcByKey[o.Key] = s
		x.svcByName[o.Key.Name] = append(x.svcByName[o.Key.Name], s)
		if ip := v.Spec.ClusterIP; ip != "" && ip != corev1.ClusterIPNone {
			x.svcByIP[ip] = s
		}
	}
	x.countEndpoints(m)
}

// byName takes the workload of the Service's name for what is behind it: a table does
// not show the selector.
func (s *Service) byName(all []*Workload) {
	for _, w := range all {
		if w.Key.Name == s.Key.Name {
			s.Workloads = append(s.Workloads, w)
			s.Pods = append(s.Pods, w.Pods...)
		}
	}
}

func (x *index) countEndpoints(m *Model) {
	for _, o := range m.Objects(KindSlice) {
		v, ok := o.Value.(*discoveryv1.EndpointSlice)
		if !ok {
			continue
		}
		s := x.svcByKey[Key{KindService, o.Key.Namespace, v.Labels[discoveryv1.LabelServiceName]}]
		if s == nil {
			continue
		}
		s.EndpointsKnown = true
		for _, e := range v.Endpoints {
			if e.Conditions.Ready == nil || *e.Conditions.Ready {
				s.Ready++
			} else {
				s.NotReady++
			}
		}
	}
	for _, o := range m.Objects(KindEndpoints) {
		v, ok := o.Value.(*corev1.Endpoints) // dumps of older clusters have them
		s := x.svcByKey[Key{KindService, o.Key.Namespace, o.Key.Name}]
		if !ok || s == nil || s.EndpointsKnown {
			continue
		}
		s.EndpointsKnown = true
		for _, sub := range v.Subsets {
			s.Ready += len(sub.Addresses)
			s.NotReady += len(sub.NotReadyAddresses)
		}
	}
}

// Services are all, in the order of their keys.
func (m *Model) Services() []*Service { return m.Index().services }

// Service is that of the key, or nil.
func (m *Model) Service(k Key) *Service { return m.Index().svcByKey[k] }

// ServicesOf are those that lead to a workload.
func (m *Model) ServicesOf(w *Workload) []*Service {
	var out []*Service
	for _, s := range m.Index().services {
		if s.Key.Namespace == w.Key.Namespace && slices.Contains(s.Workloads, w) {
			out = append(out, s)
		}
	}
	return out
}

// Endpoint is what an address leads to.
type Endpoint struct {
	Service *Service
	Pod     *Pod
	// Name is the key of the Service that the address means, if it is one's name,
	// whether or not there is such a Service.
	Name Key
}

// Workloads are those behind the address.
func (e Endpoint) Workloads() []*Workload {
	switch {
	case e.Service != nil:
		return e.Service.Workloads
	case e.Pod != nil:
		return []*Workload{e.Pod.Workload}
	}
	return nil
}

// Resolve finds what a host means to a pod of the namespace: a Service's name,
// short or whole, or an address of a Service or a pod.
func (m *Model) Resolve(namespace, host string) Endpoint {
	x := m.Index()
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if _, err := netip.ParseAddr(host); err == nil {
		if s := x.svcByIP[host]; s != nil {
			return Endpoint{Service: s, Name: s.Key}
		}
		return Endpoint{Pod: x.podWithIP(host)}
	}
	name, rest, _ := strings.Cut(host, ".")
	key := Key{KindService, namespace, name}
	if rest != "" {
		ns, tail, _ := strings.Cut(rest, ".")
		switch {
		case ns == "svc" && tail == "" || ns == "svc" && strings.HasPrefix(tail, "cluster"):
		case tail == "" || tail == "svc" || strings.HasPrefix(tail, "svc."):
			key.Namespace = ns
		default:
			// pod-0.service.namespace.svc is a pod of a StatefulSet.
			if parts := strings.Split(host, "."); len(parts) > 3 && parts[3] == "svc" {
				key = Key{KindService, parts[2], parts[1]}
			} else {
				return Endpoint{}
			}
		}
		if s := x.svcByKey[key]; s == nil && x.svcByKey[Key{KindService, namespace, ns}] != nil && tail == "" {
			key = Key{KindService, namespace, ns} // pod-0.service
		}
	}
	return Endpoint{Service: x.svcByKey[key], Name: key}
}

// Call is that a workload has an address of another, or was seen to talk to it.
type Call struct {
	From, To Key // workloads
	Service  *Service
	Address  logline.Address
	// Setting is where From has the address, as env CART_ADDR or configmap shop.
	Setting string
	// Seen is set if a log shows the call.
	Seen bool
}

// Calls are those of a workload.
func (m *Model) Calls(w Key) []*Call { return m.Index().calls[w] }

// Callers are the calls to a workload.
func (m *Model) Callers(w Key) []*Call { return m.Index().callers[w] }

// Since is when an object was created, if that is known.
func Since(o *Object) time.Time {
	if o == nil || o.Value == nil {
		return time.Time{}
	}
	return o.Value.GetCreationTimestamp().Time
}
