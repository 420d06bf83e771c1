package describe

import (
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

// fill takes from the tree what belongs to the object's kind.
func fill(n *node, data []string, v *view.View) {
	switch o := v.Object.(type) {
	case *corev1.Pod:
		pod(n, o, v)
	case *corev1.Node:
		clusterNode(n, o)
	case *appsv1.Deployment:
		deployment(n, o)
	case *appsv1.ReplicaSet:
		replicaSet(n, o)
	case *corev1.ReplicationController:
		replicationController(n, o)
	case *appsv1.StatefulSet:
		statefulSet(n, o)
	case *appsv1.DaemonSet:
		daemonSet(n, o)
	case *batchv1.Job:
		job(n, o)
	case *batchv1.CronJob:
		cronJob(n, o)
	case *corev1.Service:
		service(n, o)
	case *corev1.Endpoints:
		endpoints(n, o)
	case *discoveryv1.EndpointSlice:
		endpointSlice(n, o)
	case *networkingv1.Ingress:
		ingress(n, o)
	case *networkingv1.NetworkPolicy:
		networkPolicy(n, o)
	case *corev1.PersistentVolumeClaim:
		volumeClaim(n, o, v)
	case *corev1.PersistentVolume:
		persistentVolume(n, o, v)
	case *storagev1.StorageClass:
		storageClass(n, o)
	case *corev1.ConfigMap:
		configMap(data, o)
	case *corev1.Secret:
		secret(n, data, o)
	case *corev1.ServiceAccount:
		serviceAccount(n, o)
	case *corev1.ResourceQuota:
		resourceQuota(n, o)
	case *corev1.LimitRange:
		limitRange(n, o)
	case *corev1.Namespace:
		namespace(n, o)
	case *autoscalingv2.HorizontalPodAutoscaler:
		autoscaler(n, o)
	case *policyv1.PodDisruptionBudget:
		disruptionBudget(n, o)
	case *rbacv1.RoleBinding:
		roleBinding(n, &o.RoleRef, &o.Subjects)
	case *rbacv1.ClusterRoleBinding:
		roleBinding(n, &o.RoleRef, &o.Subjects)
	case *rbacv1.Role:
		o.Rules = policyRules(n.kid("PolicyRule"))
	case *rbacv1.ClusterRole:
		o.Rules = policyRules(n.kid("PolicyRule"))
	case *unstructured.Unstructured:
		generic(n, o)
	}
}
