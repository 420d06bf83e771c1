package simulate

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-base/version"
)

const (
	// LabelSimulated marks the nodes that are played.
	LabelSimulated = "bulkhead.dev/simulated"

	// maxNodes is how many addresses nodeAddress has.
	maxNodes = 1<<16 - 2
	// zones are played, so that what spreads over zones has something to do.
	zones = 3
)

// newNode returns the i-th node, from 0.
func newNode(prefix string, i int, now time.Time) *v1.Node {
	name := fmt.Sprintf("%s%d", prefix, i)
	node := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name,
			Labels: map[string]string{
				LabelSimulated:             "true",
				v1.LabelHostname:           name,
				v1.LabelOSStable:           "linux",
				v1.LabelArchStable:         "amd64",
				v1.LabelTopologyRegion:     "simulated",
				v1.LabelTopologyZone:       "simulated-" + string(rune('a'+i%zones)),
				v1.LabelInstanceTypeStable: "simulated",
			},
		},
	}
	node.Status = readyStatus(node, now)
	node.Status.Addresses = []v1.NodeAddress{
		{Type: v1.NodeInternalIP, Address: nodeAddress(i).String()},
		{Type: v1.NodeHostName, Address: name},
	}
	return node
}

// nodeAddress returns an address of the range that is set aside for benchmarks
// (RFC 2544), where nothing real can be.
func nodeAddress(i int) netip.Addr {
	i++ // not the network's own address
	return netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})
}

// readyStatus returns node's status as its kubelet would report it. What is set
// already, by us or by whoever made the node, stays; conditions become healthy.
func readyStatus(node *v1.Node, now time.Time) v1.NodeStatus {
	status := *node.Status.DeepCopy()
	if len(status.Capacity) == 0 {
		status.Capacity = v1.ResourceList{
			v1.ResourceCPU:              resource.MustParse("32"),
			v1.ResourceMemory:           resource.MustParse("256Gi"),
			v1.ResourceEphemeralStorage: resource.MustParse("1Ti"),
			v1.ResourcePods:             resource.MustParse("110"),
		}
	}
	if len(status.Allocatable) == 0 {
		status.Allocatable = status.Capacity.DeepCopy()
	}
	if status.NodeInfo.KubeletVersion == "" {
		status.NodeInfo = v1.NodeSystemInfo{
			KubeletVersion:          version.Get().GitVersion,
			OperatingSystem:         "linux",
			Architecture:            "amd64",
			OSImage:                 "simulated",
			KernelVersion:           "simulated",
			ContainerRuntimeVersion: "simulated://0",
			// Identities that tools take for unique.
			MachineID:  strings.ReplaceAll(node.Name, "-", ""),
			SystemUUID: node.Name,
			BootID:     node.Name,
		}
	}
	for _, condition := range []struct {
		kind    v1.NodeConditionType
		status  v1.ConditionStatus
		reason  string
		message string
	}{
		{v1.NodeMemoryPressure, v1.ConditionFalse, "KubeletHasSufficientMemory", "simulated"},
		{v1.NodeDiskPressure, v1.ConditionFalse, "KubeletHasNoDiskPressure", "simulated"},
		{v1.NodePIDPressure, v1.ConditionFalse, "KubeletHasSufficientPID", "simulated"},
		{v1.NodeReady, v1.ConditionTrue, "KubeletReady", "simulated"},
	} {
		status.Conditions = setNodeCondition(status.Conditions, v1.NodeCondition{
			Type: condition.kind, Status: condition.status, Reason: condition.reason, Message: condition.message,
			LastHeartbeatTime: metav1.NewTime(now), LastTransitionTime: metav1.NewTime(now),
		})
	}
	return status
}

func setNodeCondition(conditions []v1.NodeCondition, condition v1.NodeCondition) []v1.NodeCondition {
	for i := range conditions {
		if conditions[i].Type == condition.Type {
			if conditions[i].Status == condition.Status {
				condition.LastTransitionTime = conditions[i].LastTransitionTime
			}
			conditions[i] = condition
			return conditions
		}
	}
	return append(conditions, condition)
}

// isReady says whether the node is known to be ready, under which the
// controller manager counts only what a kubelet wrote.
func isReady(node *v1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == v1.NodeReady {
			return condition.Status == v1.ConditionTrue
		}
	}
	return false
}

// internalIP is the node's address, for its pods' hostIP.
func internalIP(node *v1.Node) string {
	for _, address := range node.Status.Addresses {
		if address.Type == v1.NodeInternalIP {
			return address.Address
		}
	}
	return ""
}

// addressByName returns an address for a node that somebody else made, in the
// other half of the range.
func addressByName(name string) netip.Addr {
	h := fnv.New32a()
	h.Write([]byte(name))
	sum := h.Sum32()
	return netip.AddrFrom4([4]byte{198, 19, byte(sum >> 8), byte(sum)})
}
