package e2e

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestStartupProbeHoldsBackTheOthers(t *testing.T) {
	s := newSpace(t)
	s.create("slow", server(withEnv("STARTED", "false", "LIVE", "false"), func(p *corev1.PodSpec) {
		c := &p.Containers[0]
		c.StartupProbe = httpProbe("/health/started", 1)
		c.StartupProbe.FailureThreshold = 60
		// It fails from the first: it must not be asked before the start is over.
		c.LivenessProbe = httpProbe("/health/live", 1)
	}))
	s.podUntil("slow", podLimit, "runs", func(pod *corev1.Pod) error {
		if pod.Status.Phase != corev1.PodRunning {
			return fmt.Errorf("its phase is %s", pod.Status.Phase)
		}
		return nil
	})
	s.throughout(4*time.Second, "the container is neither started, ready nor restarted", func() error {
		c := s.pod("slow").Status.ContainerStatuses[0]
		if c.RestartCount != 0 || c.Ready || (c.Started != nil && *c.Started) {
			return fmt.Errorf("restarts %d, ready %v, started %v", c.RestartCount, c.Ready, c.Started)
		}
		return nil
	})
	s.post("slow", "/switch/live/on")
	s.post("slow", "/switch/started/on")
	if pod := s.podReady("slow"); pod.Status.ContainerStatuses[0].RestartCount != 0 {
		t.Errorf("the container was restarted")
	}
}

func TestLivenessProbeRestarts(t *testing.T) {
	s := newSpace(t)
	first := s.start("sick", server(func(p *corev1.PodSpec) {
		p.Containers[0].LivenessProbe = httpProbe("/health/live", 1)
	}))
	s.post("sick", "/switch/live/off")
	second := s.podUntil("sick", podLimit, "is restarted and ready", func(pod *corev1.Pod) error {
		if n := pod.Status.ContainerStatuses[0].RestartCount; n == 0 {
			return fmt.Errorf("no restart")
		}
		return isReady(pod)
	})
	if before, after := first.Status.ContainerStatuses[0], second.Status.ContainerStatuses[0]; before.ContainerID == after.ContainerID {
		t.Errorf("it is the same container: %s", after.ContainerID)
	}
	if first.Status.PodIP != second.Status.PodIP {
		t.Errorf("the pod's address changed from %s to %s", first.Status.PodIP, second.Status.PodIP)
	}
}

func TestReadinessProbeGatesEndpoints(t *testing.T) {
	s := newSpace(t)
	s.start("client", server())
	s.deploy("web", 2, server())
	s.service("web", corev1.ServiceSpec{})
	pods := s.pods("web")
	off, on := pods[0].Name, pods[1].Name
	s.eventually(20*time.Second, "both pods answer", s.answeredBy("client", "web", off, on))

	s.post(off, "/switch/ready/off")
	s.podUntil(off, podLimit, "is not ready", func(pod *corev1.Pod) error {
		if isReady(pod) == nil {
			return fmt.Errorf("it is")
		}
		return nil
	})
	s.eventually(20*time.Second, "only the ready pod answers", s.answeredBy("client", "web", on))

	s.post(off, "/switch/ready/on")
	s.eventually(podLimit, "both pods answer again", s.answeredBy("client", "web", off, on))
	d, err := kube.AppsV1().Deployments(s.name).Get(s.ctx, "web", metav1.GetOptions{})
	s.must(err)
	if d.Status.ReadyReplicas != 2 {
		t.Errorf("the Deployment counts %d ready pods", d.Status.ReadyReplicas)
	}
}
