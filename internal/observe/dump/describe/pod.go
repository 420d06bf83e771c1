package describe

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/lazyregexp"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

func pod(n *node, p *corev1.Pod, v *view.View) {
	p.Spec.Priority = view.Int32Ptr(n.get("Priority"))
	p.Spec.PriorityClassName = view.Value(n.get("Priority Class Name"))
	if rc := view.Value(n.get("Runtime Class Name")); rc != "" {
		p.Spec.RuntimeClassName = &rc
	}
	p.Spec.ServiceAccountName = view.Value(n.get("Service Account"))
	p.Spec.NodeName, p.Status.HostIP, _ = strings.Cut(view.Value(n.get("Node")), "/")
	if t, ok := view.Time(n.get("Start Time")); ok {
		p.Status.StartTime = &t
	}
	podPhase(n, p, v)
	p.Status.Reason = n.get("Reason")
	p.Status.Message = n.kid("Message").rest()
	p.Status.PodIP = view.Value(n.get("IP"))
	for _, ip := range n.kid("IPs").kids {
		if ip.key == "IP" && !view.None(ip.value) {
			p.Status.PodIPs = append(p.Status.PodIPs, corev1.PodIP{IP: ip.value})
		}
	}
	p.Status.NominatedNodeName = view.Value(n.get("NominatedNodeName"))
	podSpec(n, &p.Spec)
	p.Status.InitContainerStatuses = statuses(n.kid("Init Containers"))
	p.Status.ContainerStatuses = statuses(n.kid("Containers"))
	p.Status.EphemeralContainerStatuses = statuses(n.kid("Ephemeral Containers"))
	for _, r := range rows(n.kid("Conditions")) {
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{
			Type: corev1.PodConditionType(r.Raw("Type")), Status: corev1.ConditionStatus(r.Raw("Status"))})
	}
	for _, r := range rows(n.kid("Readiness Gates")) {
		p.Spec.ReadinessGates = append(p.Spec.ReadinessGates, corev1.PodReadinessGate{ConditionType: corev1.PodConditionType(r.Raw("Type"))})
	}
	p.Status.QOSClass = corev1.PodQOSClass(view.Value(n.get("QoS Class")))
}

var lasts = lazyregexp.New(`^Terminating \(lasts (\S+)\)`)

func podPhase(n *node, p *corev1.Pod, v *view.View) {
	status := n.get("Status")
	m := lasts.FindStringSubmatch(status)
	if m == nil {
		p.Status.Phase = corev1.PodPhase(status)
		return
	}
	v.When(view.ParseAge(m[1]), func(t metav1.Time) { p.DeletionTimestamp = &t })
	if s, ok := view.Int(n.get("Termination Grace Period")); ok {
		p.DeletionGracePeriodSeconds = &s
	}
}

// podSpec reads what a pod's and a template's description have in common.
func podSpec(n *node, s *corev1.PodSpec) {
	s.InitContainers = containers(n.kid("Init Containers"))
	s.Containers = containers(n.kid("Containers"))
	s.Volumes = volumes(n.kid("Volumes"))
	if sel := labels(n.kid("Node-Selectors")); sel != nil {
		s.NodeSelector = sel
	}
	for _, l := range n.kid("Tolerations").all() {
		if t, ok := toleration(l); ok {
			s.Tolerations = append(s.Tolerations, t)
		}
	}
	for _, l := range n.kid("Topology Spread Constraints").all() {
		if c, ok := spread(l); ok {
			s.TopologySpreadConstraints = append(s.TopologySpreadConstraints, c)
		}
	}
}

// podTemplate reads the section of that name.
func podTemplate(n *node, t *corev1.PodTemplateSpec) {
	n = n.kid("Pod Template")
	meta(n, &t.ObjectMeta)
	t.Spec.ServiceAccountName = view.Value(n.get("Service Account"))
	t.Spec.PriorityClassName = view.Value(n.get("Priority Class Name"))
	podSpec(n, &t.Spec)
}

var tolerationForm = lazyregexp.New(`^([^=:\s]*)(?:=([^:\s]*))?(?::(\w+))?(?: ?op=(\w+))?(?: for (\d+)s)?$`)

// toleration reads key=value:Effect op=Exists for 300s.
func toleration(s string) (corev1.Toleration, bool) {
	s = strings.TrimSpace(s)
	if view.None(s) {
		return corev1.Toleration{}, false
	}
	// "op=Exists" alone tolerates all; read as a key it would tolerate one taint.
	if s == "op=Exists" {
		return corev1.Toleration{Operator: corev1.TolerationOpExists}, true
	}
	m := tolerationForm.FindStringSubmatch(s)
	if m == nil {
		return corev1.Toleration{}, false
	}
	t := corev1.Toleration{Key: m[1], Value: m[2], Effect: corev1.TaintEffect(m[3]), Operator: corev1.TolerationOperator(m[4])}
	if sec, ok := view.Int(m[5]); ok {
		t.TolerationSeconds = &sec
	}
	return t, true
}

var spreadForm = lazyregexp.New(`^(\S+):(\w+) when max skew (\d+) is exceeded(?: for selector (.*))?$`)

func spread(s string) (corev1.TopologySpreadConstraint, bool) {
	m := spreadForm.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return corev1.TopologySpreadConstraint{}, false
	}
	return corev1.TopologySpreadConstraint{TopologyKey: m[1], WhenUnsatisfiable: corev1.UnsatisfiableConstraintAction(m[2]),
		MaxSkew: view.Int32(m[3]), LabelSelector: view.Selector(m[4])}, true
}

// rows reads a section that holds a table.
func rows(n *node) []view.Row {
	var out []view.Row
	var columns view.Columns
	for _, l := range n.lines {
		t := strings.TrimSpace(l)
		switch {
		case t == "" || strings.HasPrefix(t, "----"):
		case len(columns.Names()) == 0:
			columns = view.ParseColumns(l)
		default:
			if r, ok := columns.Cut(l); ok {
				out = append(out, r)
			}
		}
	}
	return out
}
