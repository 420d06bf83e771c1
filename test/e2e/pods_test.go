package e2e

import (
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/bulkhead-k8s/bulkhead/test/images"
)

// podLimit is how long a pod may take to be ready while many start.
const podLimit = 60 * time.Second

// server is a pod specification with one container, a web server. change may
// alter it.
func server(change ...func(*corev1.PodSpec)) corev1.PodSpec {
	return running([]string{"serve"}, append([]func(*corev1.PodSpec){func(p *corev1.PodSpec) {
		c := &p.Containers[0]
		c.Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}
		c.ReadinessProbe = httpProbe("/health/ready", 1)
	}}, change...)...)
}

// running is a pod specification with one container that runs testapp so.
func running(args []string, change ...func(*corev1.PodSpec)) corev1.PodSpec {
	grace := int64(1)
	spec := corev1.PodSpec{
		TerminationGracePeriodSeconds: &grace,
		Containers: []corev1.Container{{
			Name:            "app",
			Image:           images.App,
			Args:            args,
			ImagePullPolicy: corev1.PullNever,
		}},
	}
	for _, f := range change {
		f(&spec)
	}
	return spec
}

// httpProbe asks path every period seconds and believes the first answer.
func httpProbe(path string, period int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:     corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromInt32(8080)}},
		PeriodSeconds:    period,
		FailureThreshold: 1,
	}
}

// withEnv sets variables, given as name, value, name, value.
func withEnv(pairs ...string) func(*corev1.PodSpec) {
	return func(p *corev1.PodSpec) {
		for pair := range slices.Chunk(pairs, 2) {
			p.Containers[0].Env = append(p.Containers[0].Env, corev1.EnvVar{Name: pair[0], Value: pair[1]})
		}
	}
}

// withVolume mounts a volume into the first container.
func withVolume(path string, source corev1.VolumeSource) func(*corev1.PodSpec) {
	return func(p *corev1.PodSpec) {
		name := fmt.Sprintf("volume-%d", len(p.Volumes))
		p.Volumes = append(p.Volumes, corev1.Volume{Name: name, VolumeSource: source})
		p.Containers[0].VolumeMounts = append(p.Containers[0].VolumeMounts, corev1.VolumeMount{Name: name, MountPath: path})
	}
}

// withRequests requests resources for the first container, as name, quantity.
func withRequests(pairs ...string) func(*corev1.PodSpec) {
	return func(p *corev1.PodSpec) {
		p.Containers[0].Resources.Requests = quantities(pairs...)
	}
}

func quantities(pairs ...string) corev1.ResourceList {
	list := corev1.ResourceList{}
	for pair := range slices.Chunk(pairs, 2) {
		list[corev1.ResourceName(pair[0])] = resource.MustParse(pair[1])
	}
	return list
}

func labels(app string) map[string]string { return map[string]string{"app": app} }

func selector(app string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: labels(app)}
}

// create makes a pod with the label app=name and returns at once.
func (s *space) create(name string, spec corev1.PodSpec) *corev1.Pod {
	s.Helper()
	pod, err := kube.CoreV1().Pods(s.name).Create(s.ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels(name)},
		Spec:       spec,
	}, metav1.CreateOptions{})
	s.must(err)
	return pod
}

// start makes a pod and waits until it is ready.
func (s *space) start(name string, spec corev1.PodSpec) *corev1.Pod {
	s.Helper()
	s.create(name, spec)
	return s.podReady(name)
}

func (s *space) pod(name string) *corev1.Pod {
	s.Helper()
	pod, err := kube.CoreV1().Pods(s.name).Get(s.ctx, name, metav1.GetOptions{})
	s.must(err)
	return pod
}

// podUntil waits for a condition of one pod and returns the pod as it then is.
func (s *space) podUntil(name string, limit time.Duration, what string, condition func(*corev1.Pod) error) (pod *corev1.Pod) {
	s.Helper()
	s.eventually(limit, "pod "+name+" "+what, func() (err error) {
		if pod, err = kube.CoreV1().Pods(s.name).Get(s.ctx, name, metav1.GetOptions{}); err != nil {
			return err
		}
		return condition(pod)
	})
	return pod
}

func (s *space) podReady(name string) *corev1.Pod {
	s.Helper()
	return s.podUntil(name, podLimit, "is ready", isReady)
}

// podEnds waits until a pod has ended and returns its phase and log.
func (s *space) podEnds(name string) (corev1.PodPhase, string) {
	s.Helper()
	pod := s.podUntil(name, podLimit, "has ended", func(pod *corev1.Pod) error {
		if pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed {
			return fmt.Errorf("its phase is %s", pod.Status.Phase)
		}
		return nil
	})
	return pod.Status.Phase, s.logs(name, "")
}

// podGone waits until a pod no longer exists.
func (s *space) podGone(name string, limit time.Duration) {
	s.Helper()
	s.eventually(limit, "pod "+name+" is gone", func() error {
		_, err := kube.CoreV1().Pods(s.name).Get(s.ctx, name, metav1.GetOptions{})
		return wantNotFound(err)
	})
}

func isReady(pod *corev1.Pod) error {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
			return nil
		}
	}
	return fmt.Errorf("its phase is %s and it is not ready", pod.Status.Phase)
}

func isScheduled(pod *corev1.Pod) error {
	if pod.Spec.NodeName == "" {
		return errors.New("it has no node")
	}
	return nil
}

// pods returns the pods of an app that are not being deleted, by name.
func (s *space) pods(app string) []corev1.Pod {
	s.Helper()
	list, err := kube.CoreV1().Pods(s.name).List(s.ctx, metav1.ListOptions{LabelSelector: "app=" + app})
	s.must(err)
	return slices.DeleteFunc(list.Items, func(pod corev1.Pod) bool { return pod.DeletionTimestamp != nil })
}

// logs returns what a pod's container wrote; an empty name is for the only one.
func (s *space) logs(pod, container string) string {
	s.Helper()
	text, err := kube.CoreV1().Pods(s.name).GetLogs(pod, &corev1.PodLogOptions{Container: container}).DoRaw(s.ctx)
	s.must(err)
	return string(text)
}
