package model

import (
	"cmp"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Key names an object. Kind has the group behind a dot, as Service.serving.x.dev,
// where the kind is not one of Kubernetes' own.
type Key struct{ Kind, Namespace, Name string }

// String is kind/namespace/name, without what is empty.
func (k Key) String() string {
	switch {
	case k == Key{}:
		return "cluster"
	case k.Namespace == "":
		return k.Kind + "/" + k.Name
	}
	return k.Kind + "/" + k.Namespace + "/" + k.Name
}

// Ref is the key as Incidents name objects.
func (k Key) Ref() v1alpha1.ObjectRef {
	return v1alpha1.ObjectRef{Kind: k.Kind, Namespace: k.Namespace, Name: k.Name}
}

// Compare orders by kind, namespace and name.
func (k Key) Compare(o Key) int {
	return cmp.Or(strings.Compare(k.Kind, o.Kind), strings.Compare(k.Namespace, o.Namespace), strings.Compare(k.Name, o.Name))
}

// Of is the key of a reference.
func Of(r record.Ref) Key {
	return Key{Kind: kindOf(r.Group, r.Kind), Namespace: r.Namespace, Name: r.Name}
}

// kindOf adds the group to a kind that is not of Kubernetes itself. Text does
// not always say the group: without one, the kind is taken for Kubernetes' own.
func kindOf(group, kind string) string {
	if group == "" || !strings.Contains(group, ".") || strings.HasSuffix(group, ".k8s.io") || group == "autoscaling" {
		return kind
	}
	return kind + "." + group
}

// Kinds that the diagnosis asks for by name.
const (
	KindPod        = "Pod"
	KindNode       = "Node"
	KindService    = "Service"
	KindDeployment = "Deployment"
	KindReplicaSet = "ReplicaSet"
	KindStateful   = "StatefulSet"
	KindDaemonSet  = "DaemonSet"
	KindJob        = "Job"
	KindCronJob    = "CronJob"
	KindConfigMap  = "ConfigMap"
	KindSecret     = "Secret"
	KindAccount    = "ServiceAccount"
	KindPVC        = "PersistentVolumeClaim"
	KindPV         = "PersistentVolume"
	KindClass      = "StorageClass"
	KindQuota      = "ResourceQuota"
	KindLimitRange = "LimitRange"
	KindHPA        = "HorizontalPodAutoscaler"
	KindPDB        = "PodDisruptionBudget"
	KindEndpoints  = "Endpoints"
	KindSlice      = "EndpointSlice"
	KindIngress    = "Ingress"
	KindPolicy     = "NetworkPolicy"
	KindNamespace  = "Namespace"
	KindEvent      = "Event"
	KindLease      = "Lease"
)
