// Package resource names the kinds of the API as people type them: by kind,
// plural, singular or short name, and makes empty objects of them.
package resource

import (
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Object is an object of the API: all types of k8s.io/api are.
type Object interface {
	metav1.Object
	runtime.Object
}

// Kind is a kind of the API.
type Kind struct {
	schema.GroupVersionKind
	// Plural is the resource's name in paths and commands.
	Plural     string
	Namespaced bool
	// make gives an empty object; nil for kinds that k8s.io/api has no type of.
	make func() Object
}

// New is an empty object of this kind with its TypeMeta set.
func (k Kind) New() Object {
	if k.make == nil {
		u := &unstructured.Unstructured{}
		u.SetGroupVersionKind(k.GroupVersionKind)
		return u
	}
	o := k.make()
	o.GetObjectKind().SetGroupVersionKind(k.GroupVersionKind)
	return o
}

// Ref names an object of this kind; a namespace is dropped from what has none.
func (k Kind) Ref(namespace, name string) record.Ref {
	if !k.Namespaced {
		namespace = ""
	}
	return record.Ref{Group: k.Group, Kind: k.Kind, Namespace: namespace, Name: name}
}

// entry is a row of the table of kinds.
type entry struct {
	group, version, kind, plural string
	cluster                      bool
	names                        string // short names and other names, by space
	make                         func() Object
}

// table is ordered: where two kinds share a name, the first has it.
func table() []entry {
	return []entry{
		{"", "v1", "Pod", "pods", false, "po", func() Object { return new(corev1.Pod) }},
		{"", "v1", "Node", "nodes", true, "no", func() Object { return new(corev1.Node) }},
		{"", "v1", "Service", "services", false, "svc", func() Object { return new(corev1.Service) }},
		{"", "v1", "Endpoints", "endpoints", false, "ep endpoint", func() Object { return new(corev1.Endpoints) }},
		{"", "v1", "Event", "events", false, "ev", func() Object { return new(corev1.Event) }},
		{"", "v1", "Namespace", "namespaces", true, "ns", func() Object { return new(corev1.Namespace) }},
		{"", "v1", "ConfigMap", "configmaps", false, "cm", func() Object { return new(corev1.ConfigMap) }},
		{"", "v1", "Secret", "secrets", false, "", func() Object { return new(corev1.Secret) }},
		{"", "v1", "ServiceAccount", "serviceaccounts", false, "sa", func() Object { return new(corev1.ServiceAccount) }},
		{"", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", false, "pvc", func() Object { return new(corev1.PersistentVolumeClaim) }},
		{"", "v1", "PersistentVolume", "persistentvolumes", true, "pv", func() Object { return new(corev1.PersistentVolume) }},
		{"", "v1", "ReplicationController", "replicationcontrollers", false, "rc", func() Object { return new(corev1.ReplicationController) }},
		{"", "v1", "ResourceQuota", "resourcequotas", false, "quota", func() Object { return new(corev1.ResourceQuota) }},
		{"", "v1", "LimitRange", "limitranges", false, "limits", func() Object { return new(corev1.LimitRange) }},
		{"apps", "v1", "Deployment", "deployments", false, "deploy", func() Object { return new(appsv1.Deployment) }},
		{"apps", "v1", "ReplicaSet", "replicasets", false, "rs", func() Object { return new(appsv1.ReplicaSet) }},
		{"apps", "v1", "StatefulSet", "statefulsets", false, "sts", func() Object { return new(appsv1.StatefulSet) }},
		{"apps", "v1", "DaemonSet", "daemonsets", false, "ds", func() Object { return new(appsv1.DaemonSet) }},
		{"apps", "v1", "ControllerRevision", "controllerrevisions", false, "", func() Object { return new(appsv1.ControllerRevision) }},
		{"batch", "v1", "Job", "jobs", false, "", func() Object { return new(batchv1.Job) }},
		{"batch", "v1", "CronJob", "cronjobs", false, "cj", func() Object { return new(batchv1.CronJob) }},
		{"discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", false, "", func() Object { return new(discoveryv1.EndpointSlice) }},
		{"networking.k8s.io", "v1", "Ingress", "ingresses", false, "ing", func() Object { return new(networkingv1.Ingress) }},
		{"networking.k8s.io", "v1", "IngressClass", "ingressclasses", true, "", func() Object { return new(networkingv1.IngressClass) }},
		{"networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", false, "netpol", func() Object { return new(networkingv1.NetworkPolicy) }},
		{"policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", false, "pdb", func() Object { return new(policyv1.PodDisruptionBudget) }},
		{"autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", false, "hpa", func() Object { return new(autoscalingv2.HorizontalPodAutoscaler) }},
		{"storage.k8s.io", "v1", "StorageClass", "storageclasses", true, "sc", func() Object { return new(storagev1.StorageClass) }},
		{"storage.k8s.io", "v1", "VolumeAttachment", "volumeattachments", true, "", func() Object { return new(storagev1.VolumeAttachment) }},
		{"storage.k8s.io", "v1", "CSIDriver", "csidrivers", true, "", func() Object { return new(storagev1.CSIDriver) }},
		{"storage.k8s.io", "v1", "CSINode", "csinodes", true, "", func() Object { return new(storagev1.CSINode) }},
		{"rbac.authorization.k8s.io", "v1", "Role", "roles", false, "", func() Object { return new(rbacv1.Role) }},
		{"rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", false, "", func() Object { return new(rbacv1.RoleBinding) }},
		{"rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", true, "", func() Object { return new(rbacv1.ClusterRole) }},
		{"rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", true, "", func() Object { return new(rbacv1.ClusterRoleBinding) }},
		{"scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", true, "pc", func() Object { return new(schedulingv1.PriorityClass) }},
		{"coordination.k8s.io", "v1", "Lease", "leases", false, "", func() Object { return new(coordinationv1.Lease) }},
		{"admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", true, "", func() Object { return new(admissionv1.ValidatingWebhookConfiguration) }},
		{"admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", true, "", func() Object { return new(admissionv1.MutatingWebhookConfiguration) }},
		{"apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", true, "crd crds", nil},
		{"apiregistration.k8s.io", "v1", "APIService", "apiservices", true, "", nil},
		{"metrics.k8s.io", "v1beta1", "PodMetrics", "podmetrics", false, "", nil},
		{"metrics.k8s.io", "v1beta1", "NodeMetrics", "nodemetrics", true, "", nil},
	}
}

// Names finds kinds by the names that people and programs give them.
type Names struct{ byName map[string]Kind }

// NewNames has the kinds of Kubernetes itself.
func NewNames() *Names {
	n := &Names{byName: map[string]Kind{}}
	for _, e := range table() {
		k := Kind{schema.GroupVersionKind{Group: e.group, Version: e.version, Kind: e.kind}, e.plural, !e.cluster, e.make}
		n.add(e.kind, k)
		n.add(e.plural, k)
		for _, s := range strings.Fields(e.names) {
			n.add(s, k)
		}
	}
	return n
}

func (n *Names) add(name string, k Kind) {
	name = strings.ToLower(name)
	if _, taken := n.byName[name]; !taken {
		n.byName[name] = k
	}
}

// Find is the kind of a name as pods, Pod, po or deployments.v1.apps. Names of
// kinds that Kubernetes itself does not have are not found.
func (n *Names) Find(name string) (Kind, bool) {
	name = strings.ToLower(name)
	name, group, dotted := strings.Cut(name, ".")
	k, ok := n.byName[name]
	if !ok {
		return Kind{}, false
	}
	if dotted && group != k.Group && !strings.HasSuffix(group, "."+k.Group) && !isVersion(group) && !moved(group, k) {
		return Kind{}, false
	}
	return k, true
}

// moved tells the groups that a kind was in in former versions of Kubernetes.
func moved(group string, k Kind) bool {
	switch group {
	case "extensions":
		return k.Group == "apps" || k.Group == "networking.k8s.io"
	case "events.k8s.io":
		return k.Kind == "Event"
	}
	return false
}

// isVersion tells v1 and v1beta1 from groups.
func isVersion(s string) bool {
	return len(s) > 1 && s[0] == 'v' && s[1] >= '0' && s[1] <= '9' && !strings.Contains(s, ".")
}

// Of is the kind of a full name. Kinds that are not Kubernetes' own get one made
// for them, of which it is not known whether they have namespaces: namespaced.
func (n *Names) Of(apiVersion, kind, namespace string) Kind {
	group, version := "", apiVersion
	if g, v, ok := strings.Cut(apiVersion, "/"); ok {
		group, version = g, v
	}
	if k, ok := n.byName[strings.ToLower(kind)]; ok && k.Kind == kind && (k.Group == group || moved(group, k)) {
		if group != k.Group {
			return k
		}
		k.Version = version
		return k
	}
	return Kind{schema.GroupVersionKind{Group: group, Version: version, Kind: kind}, strings.ToLower(kind) + "s", namespace != "", nil}
}
