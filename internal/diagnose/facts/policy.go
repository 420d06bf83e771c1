package facts

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8slabels "k8s.io/apimachinery/pkg/labels"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/model"
)

// policies finds NetworkPolicies that do not let a workload be reached by those
// that call it.
func policies(m *model.Model, emit func(Fact)) {
	byNamespace := map[string][]*networkingv1.NetworkPolicy{}
	for _, o := range m.Objects(model.KindPolicy) {
		if p, ok := o.Value.(*networkingv1.NetworkPolicy); ok && o.Shown() {
			byNamespace[o.Key.Namespace] = append(byNamespace[o.Key.Namespace], p)
		}
	}
	if len(byNamespace) == 0 {
		return
	}
	for _, w := range m.Workloads() {
		for _, c := range m.Callers(w.Key) {
			from := m.Workload(c.From)
			if from == nil {
				continue
			}
			port := c.Address.Port
			if c.Service != nil {
				if p := c.Service.Port(port); p != nil && p.TargetPort.IntValue() != 0 {
					port = p.TargetPort.IntValue()
				}
			}
			if p := closes(m, byNamespace[w.Key.Namespace], w, from, port, networkingv1.PolicyTypeIngress); p != nil {
				blocked(m, p, from, w, emit)
			}
			if p := closes(m, byNamespace[from.Key.Namespace], from, w, port, networkingv1.PolicyTypeEgress); p != nil {
				blocked(m, p, from, w, emit)
			}
		}
	}
}

func blocked(m *model.Model, p *networkingv1.NetworkPolicy, from, to *model.Workload, emit func(Fact)) {
	f := Fact{ID: "NetworkPolicyBlocks", Object: model.Key{Kind: model.KindPolicy, Namespace: p.Namespace, Name: p.Name}, Still: true, Quiet: true, Since: p.CreationTimestamp.Time,
		Strength: 0.9, About: []model.Key{from.Key, to.Key},
		Message: fmt.Sprintf("it does not let %s reach %s, though %s has its address", from.Key.Name, to.Key.Name, from.Key.Name)}
	f.Evidence = append(f.Evidence, evidence("state", "no rule of a NetworkPolicy that selects it allows that", m.Now))
	emit(f)
}

// closes is a policy that selects w, if none of those that do lets it talk to the
// other in the direction.
func closes(m *model.Model, all []*networkingv1.NetworkPolicy, w, other *model.Workload, port int, way networkingv1.PolicyType) *networkingv1.NetworkPolicy {
	var selects *networkingv1.NetworkPolicy
	for _, p := range all {
		if !has(p, way) || !picks(&p.Spec.PodSelector, w.Labels()) {
			continue
		}
		selects = p
		if allows(m, p, w, other, port, way) {
			return nil
		}
	}
	return selects
}

func has(p *networkingv1.NetworkPolicy, way networkingv1.PolicyType) bool {
	for _, t := range p.Spec.PolicyTypes {
		if t == way {
			return true
		}
	}
	return len(p.Spec.PolicyTypes) == 0 && (way == networkingv1.PolicyTypeIngress || len(p.Spec.Egress) > 0)
}

func picks(s *metav1.LabelSelector, labels map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && selector.Matches(k8slabels.Set(labels))
}

func allows(m *model.Model, p *networkingv1.NetworkPolicy, w, other *model.Workload, port int, way networkingv1.PolicyType) bool {
	if way == networkingv1.PolicyTypeIngress {
		for _, r := range p.Spec.Ingress {
			if portOpen(r.Ports, w, port) && peerOpen(m, r.From, w, other) {
				return true
			}
		}
		return false
	}
	for _, r := range p.Spec.Egress {
		if portOpen(r.Ports, other, port) && peerOpen(m, r.To, w, other) {
			return true
		}
	}
	return false
}

func portOpen(ports []networkingv1.NetworkPolicyPort, to *model.Workload, port int) bool {
	for _, p := range ports {
		switch {
		case p.Port == nil || port == 0:
			return true
		case p.Port.IntValue() != 0:
			end := p.Port.IntValue()
			if p.EndPort != nil {
				end = int(*p.EndPort)
			}
			if port >= p.Port.IntValue() && port <= end {
				return true
			}
		default:
			if spec := to.Spec(); spec == nil || namedPort(spec, p.Port.StrVal, port) {
				return true
			}
		}
	}
	return len(ports) == 0
}

func namedPort(spec *corev1.PodSpec, name string, port int) bool {
	for i := range spec.Containers {
		for _, p := range spec.Containers[i].Ports {
			if p.Name == name && int(p.ContainerPort) == port {
				return true
			}
		}
	}
	return false
}

// peerOpen says whether the other is among the peers. Blocks of addresses may have
// any pod: they count as open.
func peerOpen(m *model.Model, peers []networkingv1.NetworkPolicyPeer, w, other *model.Workload) bool {
	for _, p := range peers {
		if p.IPBlock != nil {
			return true
		}
		if p.NamespaceSelector != nil {
			ns := model.Value[corev1.Namespace](m, model.Key{Kind: model.KindNamespace, Name: other.Key.Namespace})
			if ns == nil {
				return true // its labels are not known
			}
			if !picks(p.NamespaceSelector, ns.Labels) {
				continue
			}
		} else if other.Key.Namespace != w.Key.Namespace {
			continue
		}
		if p.PodSelector == nil || picks(p.PodSelector, other.Labels()) {
			return true
		}
	}
	return len(peers) == 0
}
