package describe

import (
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

func disruptionBudget(n *node, o *policyv1.PodDisruptionBudget) {
	if s := view.Value(n.get("Min available")); s != "" {
		v := view.IntOrString(s)
		o.Spec.MinAvailable = &v
	}
	if s := view.Value(n.get("Max unavailable")); s != "" {
		v := view.IntOrString(s)
		o.Spec.MaxUnavailable = &v
	}
	o.Spec.Selector = view.Selector(n.get("Selector"))
	s := n.kid("Status")
	o.Status.DisruptionsAllowed, o.Status.CurrentHealthy = view.Int32(s.get("Allowed disruptions")), view.Int32(s.get("Current"))
	o.Status.DesiredHealthy, o.Status.ExpectedPods = view.Int32(s.get("Desired")), view.Int32(s.get("Total"))
}

func autoscaler(n *node, h *autoscalingv2.HorizontalPodAutoscaler) {
	if kind, name, ok := strings.Cut(n.get("Reference"), "/"); ok {
		h.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{Kind: kind, Name: name, APIVersion: ownerVersion(kind)}
		c := counts(n.get(kind + " pods"))
		h.Status.CurrentReplicas, h.Status.DesiredReplicas = c["current"], c["desired"]
	}
	h.Spec.MinReplicas = view.Int32Ptr(n.get("Min replicas"))
	h.Spec.MaxReplicas = view.Int32(n.get("Max replicas"))
	for _, k := range n.kid("Metrics").kids {
		metric(k, h)
	}
	for _, r := range rows(n.kid("Conditions")) {
		h.Status.Conditions = append(h.Status.Conditions, autoscalingv2.HorizontalPodAutoscalerCondition{
			Type: autoscalingv2.HorizontalPodAutoscalerConditionType(r.Raw("Type")), Status: corev1.ConditionStatus(r.Raw("Status")),
			Reason: r.Get("Reason"), Message: r.Get("Message")})
	}
}

// metric reads resource cpu on pods (as a percentage of request): 12% (6m) / 50%.
func metric(k *node, h *autoscalingv2.HorizontalPodAutoscaler) {
	name, ok := strings.CutPrefix(k.key, "resource ")
	if !ok || strings.Contains(k.key, "of container") {
		return
	}
	name, _, _ = strings.Cut(name, " ")
	current, target, _ := strings.Cut(k.value, " / ")
	spec := &autoscalingv2.ResourceMetricSource{Name: corev1.ResourceName(name)}
	status := &autoscalingv2.ResourceMetricStatus{Name: corev1.ResourceName(name)}
	if strings.Contains(k.key, "percentage") {
		spec.Target = autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: view.Int32Ptr(target)}
		status.Current.AverageUtilization = view.Int32Ptr(current)
	} else {
		spec.Target.Type = autoscalingv2.AverageValueMetricType
		if q, ok := view.Quantity(target); ok {
			spec.Target.AverageValue = &q
		}
		if q, ok := view.Quantity(current); ok {
			status.Current.AverageValue = &q
		}
	}
	h.Spec.Metrics = append(h.Spec.Metrics, autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: spec})
	if !view.None(current) {
		h.Status.CurrentMetrics = append(h.Status.CurrentMetrics, autoscalingv2.MetricStatus{Type: autoscalingv2.ResourceMetricSourceType, Resource: status})
	}
}

func roleBinding(n *node, ref *rbacv1.RoleRef, subjects *[]rbacv1.Subject) {
	*ref = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: n.kid("Role").get("Kind"), Name: n.kid("Role").get("Name")}
	for _, r := range rows(n.kid("Subjects")) {
		s := rbacv1.Subject{Kind: r.Raw("Kind"), Name: r.Raw("Name"), Namespace: r.Get("Namespace")}
		if s.Kind != rbacv1.ServiceAccountKind {
			s.APIGroup = rbacv1.GroupName
		}
		*subjects = append(*subjects, s)
	}
}

func policyRules(n *node) []rbacv1.PolicyRule {
	var out []rbacv1.PolicyRule
	list := func(s string) []string { return strings.Fields(strings.Trim(s, "[]")) }
	for _, r := range rows(n) {
		rule := rbacv1.PolicyRule{Verbs: list(r.Raw("Verbs")), NonResourceURLs: list(r.Raw("Non-Resource URLs")), ResourceNames: list(r.Raw("Resource Names"))}
		if name, group, _ := strings.Cut(r.Raw("Resources"), "."); name != "" {
			rule.Resources, rule.APIGroups = []string{name}, []string{group}
		}
		out = append(out, rule)
	}
	return out
}

func networkPolicy(n *node, p *networkingv1.NetworkPolicy) {
	n = n.kid("Spec")
	if sel := n.get("PodSelector"); !strings.HasPrefix(sel, "<none>") {
		if s := view.Selector(sel); s != nil {
			p.Spec.PodSelector = *s
		}
	}
	for _, t := range split(n.get("Policy Types")) {
		p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, networkingv1.PolicyType(t))
	}
	for _, r := range policyPeers(n.kid("Allowing ingress traffic")) {
		p.Spec.Ingress = append(p.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{Ports: r.ports, From: r.peers})
	}
	for _, r := range policyPeers(n.kid("Allowing egress traffic")) {
		p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{Ports: r.ports, To: r.peers})
	}
}

type policyRule struct {
	ports []networkingv1.NetworkPolicyPort
	peers []networkingv1.NetworkPolicyPeer
}

// policyPeers reads rules that a line of dashes parts. No rule isolates.
func policyPeers(n *node) []policyRule {
	var rules []policyRule
	for i, k := range n.kids {
		if strings.HasPrefix(k.text, "<none>") {
			return nil
		}
		if i == 0 || strings.HasPrefix(k.text, "----") {
			rules = append(rules, policyRule{})
		}
		r := &rules[len(rules)-1]
		switch k.key {
		case "To Port", "To Port Range":
			if port, ok := policyPort(k.value); ok {
				r.ports = append(r.ports, port)
			}
		case "From", "To":
			if !strings.HasPrefix(k.value, "<any>") {
				r.peers = append(r.peers, policyPeer(k))
			}
		}
	}
	return rules
}

func policyPort(s string) (networkingv1.NetworkPolicyPort, bool) {
	if strings.HasPrefix(s, "<any>") {
		return networkingv1.NetworkPolicyPort{}, false
	}
	number, protocol, _ := strings.Cut(s, "/")
	var p networkingv1.NetworkPolicyPort
	if first, last, ok := strings.Cut(number, "-"); ok {
		if _, isNumber := view.Int(first); isNumber {
			number = first
			p.EndPort = view.Int32Ptr(last)
		}
	}
	if !view.None(number) {
		port := intstr.Parse(number)
		p.Port = &port
	}
	proto := corev1.Protocol(protocol)
	p.Protocol = &proto
	return p, true
}

func policyPeer(k *node) networkingv1.NetworkPolicyPeer {
	var p networkingv1.NetworkPolicyPeer
	selector := func(key string) *metav1.LabelSelector {
		if !k.has(key) {
			return nil
		}
		if s := view.Selector(k.get(key)); s != nil {
			return s
		}
		return &metav1.LabelSelector{}
	}
	p.PodSelector, p.NamespaceSelector = selector("PodSelector"), selector("NamespaceSelector")
	if k.has("IPBlock") {
		b := k.kid("IPBlock")
		p.IPBlock = &networkingv1.IPBlock{CIDR: b.get("CIDR"), Except: split(b.get("Except"))}
	}
	return p
}
