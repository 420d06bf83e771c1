package table

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

	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/view"
)

// fill takes from a row what belongs to the object's kind. Kinds that are not
// here have a name, an age and labels.
func fill(r view.Row, v *view.View) {
	switch o := v.Object.(type) {
	case *corev1.Pod:
		pod(r, o, v)
	case *corev1.Node:
		node(r, o)
	case *appsv1.Deployment:
		deployment(r, o)
	case *appsv1.ReplicaSet:
		replicaSet(r, o)
	case *corev1.ReplicationController:
		o.Spec.Replicas = view.Int32Ptr(r.Raw("DESIRED"))
		o.Status.Replicas, o.Status.ReadyReplicas = view.Int32(r.Raw("CURRENT")), view.Int32(r.Raw("READY"))
	case *appsv1.StatefulSet:
		statefulSet(r, o)
	case *appsv1.DaemonSet:
		daemonSet(r, o)
	case *batchv1.Job:
		job(r, o, v)
	case *batchv1.CronJob:
		cronJob(r, o, v)
	case *corev1.Service:
		service(r, o)
	case *corev1.Endpoints:
		endpoints(r, o)
	case *discoveryv1.EndpointSlice:
		endpointSlice(r, o)
	case *networkingv1.Ingress:
		ingress(r, o)
	case *networkingv1.NetworkPolicy:
		if s := view.Selector(r.Raw("POD-SELECTOR")); s != nil {
			o.Spec.PodSelector = *s
		}
	case *corev1.PersistentVolumeClaim:
		volumeClaim(r, o, v)
	case *corev1.PersistentVolume:
		persistentVolume(r, o, v)
	case *storagev1.StorageClass:
		storageClass(r, o)
	case *corev1.Secret:
		o.Type = corev1.SecretType(r.Get("TYPE"))
	case *corev1.Namespace:
		o.Status.Phase = corev1.NamespacePhase(r.Get("STATUS"))
	case *corev1.ResourceQuota:
		quota(r, o)
	case *autoscalingv2.HorizontalPodAutoscaler:
		autoscaler(r, o)
	case *policyv1.PodDisruptionBudget:
		disruptionBudget(r, o)
	case *rbacv1.RoleBinding:
		roleRef(r, &o.RoleRef)
	case *rbacv1.ClusterRoleBinding:
		roleRef(r, &o.RoleRef)
	}
}
