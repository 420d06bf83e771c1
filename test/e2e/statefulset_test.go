package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestStatefulSetKeepsItsData(t *testing.T) {
	s := newSpace(t)
	replicas := int32(2)
	spec := server(func(p *corev1.PodSpec) {
		p.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}
	})
	s.service("db", corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone})
	_, err := kube.AppsV1().StatefulSets(s.name).Create(s.ctx, &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "db"},
		Spec: appsv1.StatefulSetSpec{
			Replicas:    &replicas,
			ServiceName: "db",
			Selector:    selector("db"),
			Template:    corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels("db")}, Spec: spec},
			// No class is named: the default one has to provide.
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{claim("data")},
			PersistentVolumeClaimRetentionPolicy: &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
				WhenDeleted: appsv1.DeletePersistentVolumeClaimRetentionPolicyType,
				WhenScaled:  appsv1.RetainPersistentVolumeClaimRetentionPolicyType,
			},
		},
	}, metav1.CreateOptions{})
	s.must(err)

	first := s.podReady("db-0")
	second := s.podReady("db-1")
	if second.CreationTimestamp.Before(&first.CreationTimestamp) {
		t.Error("db-1 was made before db-0")
	}
	for _, name := range []string{"db-0", "db-1"} {
		s.writeFile(name, "/data/notes", "written by "+name+"\n")
	}

	// The pod that replaces db-0 has its name and its data.
	s.must(kube.CoreV1().Pods(s.name).Delete(s.ctx, "db-0", metav1.DeleteOptions{}))
	s.podUntil("db-0", podLimit, "is replaced and ready", func(pod *corev1.Pod) error {
		if pod.UID == first.UID {
			return fmt.Errorf("it is still the first one")
		}
		return isReady(pod)
	})
	if notes := s.get("db-0", "/file", "path", "/data/notes"); notes != "written by db-0\n" {
		t.Errorf("db-0 found %q on its volume", notes)
	}

	// Its volume belongs to a claim of the default class and goes with it.
	pvc, err := kube.CoreV1().PersistentVolumeClaims(s.name).Get(s.ctx, "data-db-0", metav1.GetOptions{})
	s.must(err)
	class := s.defaultStorageClass()
	if pvc.Status.Phase != corev1.ClaimBound || pvc.Spec.StorageClassName == nil || *pvc.Spec.StorageClassName != class {
		t.Errorf("claim: %+v, want it bound and of class %s", pvc, class)
	}
	s.must(kube.AppsV1().StatefulSets(s.name).Delete(s.ctx, "db", metav1.DeleteOptions{}))
	s.eventually(podLimit, "the volume of data-db-0 is removed", func() error {
		_, err := kube.CoreV1().PersistentVolumes().Get(s.ctx, pvc.Spec.VolumeName, metav1.GetOptions{})
		return wantNotFound(err)
	})
}

// claim asks for a little storage of whatever class is the default.
func claim(name string) corev1.PersistentVolumeClaim {
	return corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: quantities("storage", "16Mi")},
		},
	}
}

func (s *space) defaultStorageClass() string {
	s.Helper()
	classes, err := kube.StorageV1().StorageClasses().List(s.ctx, metav1.ListOptions{})
	s.must(err)
	for _, class := range classes.Items {
		if class.Annotations["storageclass.kubernetes.io/is-default-class"] == "true" {
			return class.Name
		}
	}
	s.Fatal("no StorageClass is the default")
	return ""
}

// writeFile appends text to a file in a pod.
func (s *space) writeFile(pod, path, text string) {
	s.Helper()
	body, err := kube.CoreV1().RESTClient().Verb(http.MethodPost).Namespace(s.name).Resource("pods").Name(pod+":8080").
		SubResource("proxy").Suffix("/file").Param("path", path).Body(strings.NewReader(text)).DoRaw(s.ctx)
	if err != nil {
		s.Fatalf("write %s in pod %s: %v: %s", path, pod, err, body)
	}
}
