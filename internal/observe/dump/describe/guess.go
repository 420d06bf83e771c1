package describe

import (
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

// guess tells the kind by the keys that only its description has.
func guess(n *node, data []string, names *resource.Names) resource.Kind {
	if kind := n.get("Kind"); kind != "" && n.has("API Version") {
		return names.Of(n.get("API Version"), kind, n.get("Namespace"))
	}
	k, _ := names.Find(guessName(n, data))
	return k
}

func guessName(n *node, data []string) string {
	switch {
	case n.has("Containers") && n.has("Node"):
		return "Pod"
	case n.has("System Info"), n.has("Unschedulable"):
		return "Node"
	case n.has("StrategyType"):
		return "Deployment"
	case n.has("Desired Number of Nodes Scheduled"):
		return "DaemonSet"
	case n.has("Update Strategy") || strings.Contains(n.get("Replicas"), "desired |") && n.has("Pod Template"):
		return "StatefulSet"
	case n.has("Pods Statuses"):
		return "Job"
	case n.has("Schedule") && n.has("Concurrency Policy"):
		return "CronJob"
	case strings.Contains(n.get("Replicas"), "current /") && n.has("Pod Template"):
		return "ReplicaSet"
	case n.has("Session Affinity"), n.has("IP Families") && n.has("Type"):
		return "Service"
	case n.has("Subsets"):
		return "Endpoints"
	case n.has("AddressType"):
		return "EndpointSlice"
	case n.has("Used By"), n.has("Volume") && n.has("StorageClass"):
		return "PersistentVolumeClaim"
	case n.has("Reclaim Policy"), n.has("Claim") && n.has("Source"):
		return "PersistentVolume"
	case n.has("Provisioner"):
		return "StorageClass"
	case n.has("Controller") && !n.has("Reference"):
		return "IngressClass"
	case n.has("Default backend"), n.has("Rules") && n.has("Address"):
		return "Ingress"
	case n.has("Reference"), n.has("Min replicas"):
		return "HorizontalPodAutoscaler"
	case n.kid("Status").has("Allowed disruptions"):
		return "PodDisruptionBudget"
	case n.kid("Spec").has("PodSelector"):
		return "NetworkPolicy"
	case n.has("Mountable secrets"), n.has("Image pull secrets"):
		return "ServiceAccount"
	}
	return guessSmall(n, data)
}

// guessSmall tells kinds whose descriptions have few keys.
func guessSmall(n *node, data []string) string {
	switch {
	case n.has("Role") && n.has("Subjects"):
		// The description of a ClusterRoleBinding looks the same.
		return "RoleBinding"
	case n.has("PolicyRule"):
		return "Role"
	case n.has("GlobalDefault"), n.has("PreemptionPolicy"):
		return "PriorityClass"
	case data != nil && n.has("Type"):
		return "Secret"
	case data != nil:
		return "ConfigMap"
	}
	for _, k := range n.kids {
		switch {
		case strings.HasPrefix(k.text, "Resource ") && strings.Contains(k.text, " Used ") && n.has("Namespace"):
			return "ResourceQuota"
		case strings.HasPrefix(k.text, "Type ") && strings.Contains(k.text, "Max Limit/Request Ratio"):
			return "LimitRange"
		case strings.HasPrefix(k.text, "No resource quota"), strings.HasPrefix(k.text, "Resource Quotas"):
			return "Namespace"
		}
	}
	return ""
}
