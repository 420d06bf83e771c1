package model

import (
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bulkhead-k8s/bulkhead/internal/apijson"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Object is what is known of an object of the API.
type Object struct {
	Key    Key
	Detail record.Detail
	// Value is a pointer to its type of k8s.io/api; *PodState for pods and *Generic
	// for other kinds.
	Value APIObject
	// First and Seen are the times of its first and its last state.
	First, Seen time.Time
	Deleted     time.Time
	Changes     []Change

	pod *Pod // of one, once there is an index
}

// APIObject is what all objects of the API have, as far as it is asked for.
type APIObject interface {
	GetName() string
	GetNamespace() string
	GetUID() types.UID
	GetLabels() map[string]string
	GetCreationTimestamp() metav1.Time
	GetDeletionTimestamp() *metav1.Time
	GetFinalizers() []string
	GetOwnerReferences() []metav1.OwnerReference
}

// Shown says whether the state shows the object's spec, rather than the columns
// of a table.
func (o *Object) Shown() bool {
	return o != nil && (o.Detail == record.Full || o.Detail == record.Described || o.Detail == "")
}

// Whole says whether nothing of the object is hidden.
func (o *Object) Whole() bool {
	return o != nil && (o.Detail == record.Full || o.Detail == "")
}

// Generic is an object of a kind that has no type here.
type Generic struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              map[string]any `json:"spec,omitempty"`
	Status            map[string]any `json:"status,omitempty"`
	Data              map[string]any `json:"data,omitempty"`
}

// empty is a new value of a kind's type.
func empty(kind string) metav1.Object {
	switch kind {
	case KindPod:
		return new(corev1.Pod)
	case KindNode:
		return new(corev1.Node)
	case KindService:
		return new(corev1.Service)
	case KindDeployment:
		return new(appsv1.Deployment)
	case KindReplicaSet:
		return new(appsv1.ReplicaSet)
	case KindStateful:
		return new(appsv1.StatefulSet)
	case KindDaemonSet:
		return new(appsv1.DaemonSet)
	case KindJob:
		return new(batchv1.Job)
	case KindCronJob:
		return new(batchv1.CronJob)
	case KindConfigMap:
		return new(corev1.ConfigMap)
	case KindSecret:
		return new(corev1.Secret)
	case KindAccount:
		return new(corev1.ServiceAccount)
	case KindPVC:
		return new(corev1.PersistentVolumeClaim)
	case KindPV:
		return new(corev1.PersistentVolume)
	case KindClass:
		return new(storagev1.StorageClass)
	case KindQuota:
		return new(corev1.ResourceQuota)
	case KindLimitRange:
		return new(corev1.LimitRange)
	case KindHPA:
		return new(autoscalingv2.HorizontalPodAutoscaler)
	case KindPDB:
		return new(policyv1.PodDisruptionBudget)
	case KindEndpoints:
		return new(corev1.Endpoints) // dumps of older clusters have them
	case KindSlice:
		return new(discoveryv1.EndpointSlice)
	case KindIngress:
		return new(networkingv1.Ingress)
	case KindPolicy:
		return new(networkingv1.NetworkPolicy)
	case KindNamespace:
		return new(corev1.Namespace)
	case KindLease:
		return new(coordinationv1.Lease)
	case "ValidatingWebhookConfiguration":
		return new(admissionv1.ValidatingWebhookConfiguration)
	case "MutatingWebhookConfiguration":
		return new(admissionv1.MutatingWebhookConfiguration)
	}
	return new(Generic)
}

// decode reads an object's JSON; a pod shares with others what they have in common.
func (m *Model) decode(key Key, data []byte) (APIObject, error) {
	value, err := decode(key.Kind, data)
	if err != nil {
		return nil, err
	}
	if value.GetName() == "" {
		value.SetName(key.Name)
		value.SetNamespace(key.Namespace)
	}
	switch v := value.(type) {
	case *corev1.Pod:
		m.amounts.share(&v.Spec)
		b := brief(v, m.same)
		if b.Name == key.Name {
			b.Name = key.Name // the same letters, kept once
		}
		m.twins.share(b, key.Namespace)
		return b, nil
	case *appsv1.Deployment:
		m.template(key, &v.Spec.Template.Spec)
	case *appsv1.StatefulSet:
		m.template(key, &v.Spec.Template.Spec)
	case *appsv1.DaemonSet:
		m.template(key, &v.Spec.Template.Spec)
	case *appsv1.ReplicaSet:
		if n := v.Spec.Replicas; n != nil && *n == 0 && controller(v, key.Namespace) != (Key{}) {
			v.Spec.Template.Spec = corev1.PodSpec{} // an old one of a Deployment, which has a dozen such
		}
	}
	return value, nil
}

// template lets a workload's template share what it has in common with others.
func (m *Model) template(k Key, spec *corev1.PodSpec) {
	m.amounts.share(spec)
	m.twins.template(k, spec)
}

// decode reads an object's JSON and drops what the diagnosis never asks for.
func decode(kind string, data []byte) (metav1.Object, error) {
	v := empty(kind)
	if err := apijson.Unmarshal(data, v); err != nil {
		// A text may show a field in a way that the type cannot hold: keep the rest.
		g := new(Generic)
		if apijson.Unmarshal(data, g) != nil {
			return nil, err
		}
		return g, nil
	}
	v.SetManagedFields(nil)
	if a := v.GetAnnotations(); a["kubectl.kubernetes.io/last-applied-configuration"] != "" {
		delete(a, "kubectl.kubernetes.io/last-applied-configuration")
	}
	if p, ok := v.(*corev1.Pod); ok {
		dropTokens(&p.Spec)
	}
	return v, nil
}

// dropTokens takes out the mounts of the service account's token: each pod has
// its own, and they are not what fails.
func dropTokens(spec *corev1.PodSpec) {
	token := func(name string) bool {
		return len(name) > 16 && name[:16] == "kube-api-access-"
	}
	keep := spec.Volumes[:0]
	for _, v := range spec.Volumes {
		if !token(v.Name) {
			keep = append(keep, v)
		}
	}
	spec.Volumes = keep
	for _, cs := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range cs {
			mounts := cs[i].VolumeMounts[:0]
			for _, m := range cs[i].VolumeMounts {
				if !token(m.Name) {
					mounts = append(mounts, m)
				}
			}
			cs[i].VolumeMounts = mounts
		}
	}
}
