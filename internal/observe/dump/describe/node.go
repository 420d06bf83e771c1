package describe

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

func clusterNode(n *node, o *corev1.Node) {
	o.Spec.Unschedulable = n.get("Unschedulable") == "true"
	for _, l := range n.kid("Taints").all() {
		if t, ok := taint(l); ok {
			o.Spec.Taints = append(o.Spec.Taints, t)
		}
	}
	o.Spec.PodCIDR = view.Value(n.get("PodCIDR"))
	o.Spec.PodCIDRs = split(n.get("PodCIDRs"))
	o.Spec.ProviderID = view.Value(n.get("ProviderID"))
	for _, r := range rows(n.kid("Conditions")) {
		c := corev1.NodeCondition{Type: corev1.NodeConditionType(r.Raw("Type")), Status: corev1.ConditionStatus(r.Raw("Status")),
			Reason: r.Get("Reason"), Message: r.Get("Message")}
		c.LastHeartbeatTime, _ = view.Time(r.Raw("LastHeartbeatTime"))
		c.LastTransitionTime, _ = view.Time(r.Raw("LastTransitionTime"))
		o.Status.Conditions = append(o.Status.Conditions, c)
	}
	for _, k := range n.kid("Addresses").kids {
		if k.key != "" {
			o.Status.Addresses = append(o.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeAddressType(k.key), Address: k.value})
		}
	}
	o.Status.Capacity = quantities(n.kid("Capacity"))
	o.Status.Allocatable = quantities(n.kid("Allocatable"))
	info := n.kid("System Info")
	o.Status.NodeInfo = corev1.NodeSystemInfo{
		MachineID: info.get("Machine ID"), SystemUUID: info.get("System UUID"), BootID: info.get("Boot ID"),
		KernelVersion: info.get("Kernel Version"), OSImage: info.get("OS Image"), OperatingSystem: info.get("Operating System"),
		Architecture: info.get("Architecture"), ContainerRuntimeVersion: info.get("Container Runtime Version"),
		KubeletVersion: info.get("Kubelet Version"),
	}
}

// taint reads key=value:Effect.
func taint(s string) (corev1.Taint, bool) {
	s = strings.TrimSpace(s)
	i := strings.LastIndexByte(s, ':')
	if view.None(s) || i < 0 {
		return corev1.Taint{}, false
	}
	key, value, _ := strings.Cut(s[:i], "=")
	return corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(s[i+1:])}, true
}
