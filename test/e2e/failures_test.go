package e2e

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// failureLimit is how long a failure may take to show and to be named, while many
// others do: kubelets wait between attempts.
const failureLimit = 75 * time.Second

// failing makes a Deployment and does not wait for it.
func (s *space) failing(name string, replicas int32, spec corev1.PodSpec) {
	s.Helper()
	_, err := kube.AppsV1().Deployments(s.name).Create(s.ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Selector: selector(name), Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels(name)}, Spec: spec}},
	}, metav1.CreateOptions{})
	s.must(err)
}

// realFailures are ways to break something on a real cluster, and what must be named.
var realFailures = []struct {
	name   string
	broken func(s *space)
	// again is done before each look, where a failure passes.
	again func(s *space)
	// about is what is asked for; kind and object are what failed first, reasons
	// what is right to say of it.
	about        string
	kind, object string
	reasons      []string
}{
	{name: "image-name", broken: func(s *space) {
		s.failing("web", 1, server(func(p *corev1.PodSpec) { p.Containers[0].Image = "registry.example.com/Web:1" }))
	}, about: "deploy/web", kind: "Deployment", object: "web", reasons: []string{"ImageNameInvalid"}},

	{name: "image-not-there", broken: func(s *space) {
		s.failing("web", 1, server(func(p *corev1.PodSpec) { p.Containers[0].Image = "e2e.bulkhead.dev/nothing:9" }))
	}, about: "deploy/web", kind: "Deployment", object: "web", reasons: []string{"ImageNeverPulled"}},

	{name: "exit-code", broken: func(s *space) {
		s.failing("web", 1, running([]string{"exit", "3", "cannot read settings: unexpected end"}))
	}, about: "deploy/web", kind: "Deployment", object: "web", reasons: []string{"ContainerExited"}},

	{name: "command", broken: func(s *space) {
		s.failing("web", 1, running(nil, func(p *corev1.PodSpec) { p.Containers[0].Command = []string{"/bin/tsetapp"} }))
	}, about: "deploy/web", kind: "Deployment", object: "web", reasons: []string{"CommandFails"}},

	{name: "memory-limit", broken: func(s *space) {
		s.deploy("web", 1, server(func(p *corev1.PodSpec) { p.Containers[0].Resources.Limits = quantities("memory", "48Mi") }))
	}, again: func(s *space) {
		if pods := s.pods("web"); len(pods) == 1 {
			_, _ = s.viaProxy("POST", pods[0].Name, "/hoard", values("mebibytes", "256")) // it does not answer any more
		}
	}, about: "deploy/web", kind: "Deployment", object: "web", reasons: []string{"OOMKilled"}},

	{name: "config-key", broken: func(s *space) {
		_, err := kube.CoreV1().ConfigMaps(s.name).Create(s.ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Data: map[string]string{"log-level": "info"}}, metav1.CreateOptions{})
		s.must(err)
		s.failing("web", 1, server(func(p *corev1.PodSpec) {
			p.Containers[0].Env = []corev1.EnvVar{{Name: "LOG_LEVEL", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "web"}, Key: "loglevel"}}}}
		}))
	}, about: "deploy/web", kind: "Deployment", object: "web", reasons: []string{"ConfigKeyMissing"}},

	{name: "secret", broken: func(s *space) {
		s.failing("web", 1, server(withVolume("/tls", corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "web-tls"}})))
	}, about: "deploy/web", kind: "Deployment", object: "web", reasons: []string{"SecretMissing"}},

	{name: "readiness-port", broken: func(s *space) {
		s.failing("web", 1, server(func(p *corev1.PodSpec) { p.Containers[0].ReadinessProbe.HTTPGet.Port = intstr.FromInt32(9090) }))
		s.service("web", corev1.ServiceSpec{})
	}, about: "deploy/web", kind: "Deployment", object: "web", reasons: []string{"ProbeWrongPort"}},

	{name: "liveness-path", broken: func(s *space) {
		s.failing("web", 1, server(func(p *corev1.PodSpec) { p.Containers[0].LivenessProbe = httpProbe("/healthz-of-old", 1) }))
	}, about: "deploy/web", kind: "Deployment", object: "web", reasons: []string{"ProbeWrongPath"}},

	{name: "service-selector", broken: func(s *space) {
		s.deploy("web", 1, server())
		s.service("web", corev1.ServiceSpec{Selector: labels("wbe")})
	}, about: "svc/web", kind: "Service", object: "web", reasons: []string{"ServiceSelectsNothing"}},

	{name: "storage-class", broken: func(s *space) {
		class := "gold"
		_, err := kube.CoreV1().PersistentVolumeClaims(s.name).Create(s.ctx, &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Name: "data"},
			Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: &class, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources: corev1.VolumeResourceRequirements{Requests: quantities("storage", "1Gi")}},
		}, metav1.CreateOptions{})
		s.must(err)
		s.failing("web", 1, server(withVolume("/data", corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}})))
	}, about: "deploy/web", kind: "PersistentVolumeClaim", object: "data", reasons: []string{"StorageClassMissing"}},

	{name: "node-selector", broken: func(s *space) {
		s.failing("web", 1, server(func(p *corev1.PodSpec) { p.NodeSelector = map[string]string{"disk": "ssd"} }))
	}, about: "deploy/web", kind: "Deployment", object: "web", reasons: []string{"NodeSelectorMismatch"}},

	{name: "processors", broken: func(s *space) {
		s.failing("web", 1, server(withRequests("cpu", "512")))
	}, about: "deploy/web", kind: "Deployment", object: "web", reasons: []string{"InsufficientCPU"}},

	{name: "quota", broken: func(s *space) {
		_, err := kube.CoreV1().ResourceQuotas(s.name).Create(s.ctx, &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "small"}, Spec: corev1.ResourceQuotaSpec{Hard: quantities("pods", "1")}}, metav1.CreateOptions{})
		s.must(err)
		s.failing("web", 3, server())
	}, about: "deploy/web", kind: "ResourceQuota", object: "small", reasons: []string{"QuotaExceeded", "QuotaFull"}},

	{name: "account", broken: func(s *space) {
		s.failing("web", 1, server(func(p *corev1.PodSpec) { p.ServiceAccountName = "webapp" }))
	}, about: "deploy/web", kind: "Deployment", object: "web", reasons: []string{"ServiceAccountMissing"}},
}

// TestWhyNamesRealFailures breaks things on a real cluster, each in its own
// namespace, all at the same time: each must be named with its reason.
func TestWhyNamesRealFailures(t *testing.T) {
	for _, f := range realFailures {
		t.Run(f.name, func(t *testing.T) {
			s := newSpace(t)
			f.broken(s)
			s.eventually(failureLimit, "why names what failed first", func() error {
				if f.again != nil {
					f.again(s)
				}
				all, err := s.incidents(f.about)
				if err != nil {
					return err
				}
				if len(all) == 0 {
					return errors.New("no incident")
				}
				c := all[0].FirstCause
				if c.Object.Kind != f.kind || c.Object.Namespace != s.name || c.Object.Name != f.object || !slices.Contains(f.reasons, c.Reason) {
					return fmt.Errorf("%s %s/%s (%.2f): %s", c.Reason, c.Object.Kind, c.Object.Name, c.Confidence, c.Message)
				}
				return nil
			})
		})
	}
}
