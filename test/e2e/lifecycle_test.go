package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/test/cluster"
	"github.com/bulkhead-k8s/bulkhead/test/images"
)

// A sidecar starts before the others, and ends after the last of them.
func TestSidecar(t *testing.T) {
	s := newSpace(t)
	always := corev1.ContainerRestartPolicyAlways
	shared := corev1.VolumeMount{Name: "shared", MountPath: "/shared"}
	step := func(name string, args ...string) corev1.Container {
		c := running(args).Containers[0]
		c.Name, c.VolumeMounts = name, []corev1.VolumeMount{shared}
		return c
	}
	proxy := step("proxy", "serve")
	proxy.RestartPolicy = &always
	proxy.StartupProbe = httpProbe("/health/started", 1)
	proxy.StartupProbe.FailureThreshold = 30
	proxy.Env = []corev1.EnvVar{{Name: "FAREWELL", Value: "/shared/order"}}
	spec := running([]string{"sleep", "8"}, func(p *corev1.PodSpec) {
		grace := int64(20)
		p.TerminationGracePeriodSeconds = &grace
		p.RestartPolicy = corev1.RestartPolicyNever
		p.Volumes = []corev1.Volume{{Name: "shared", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
		p.InitContainers = []corev1.Container{
			step("before", "write", "/shared/order", "before"),
			proxy,
			step("after", "write", "/shared/order", "after"),
		}
		p.Containers[0].VolumeMounts = []corev1.VolumeMount{shared}
	})
	s.create("pod", spec)
	pod := s.podReady("pod")
	if len(pod.Status.InitContainerStatuses) != 3 {
		t.Fatalf("init containers: %+v", pod.Status.InitContainerStatuses)
	}
	before, sidecar, after := pod.Status.InitContainerStatuses[0], pod.Status.InitContainerStatuses[1], pod.Status.InitContainerStatuses[2]
	if before.State.Terminated == nil || after.State.Terminated == nil || sidecar.State.Running == nil {
		t.Fatalf("states: %s, %s, %s", before.State.String(), sidecar.State.String(), after.State.String())
	}
	if sidecar.State.Running.StartedAt.Before(&before.State.Terminated.FinishedAt) || after.State.Terminated.StartedAt.Before(&sidecar.State.Running.StartedAt) {
		t.Error("the init containers did not run in their order")
	}
	if order := s.get("pod", "/file", "path", "/shared/order"); order != "before\nafter\n" {
		t.Errorf("they wrote %q", order)
	}
	// The pod is over when its own container is, whatever the sidecar would do.
	if phase, _ := s.podEnds("pod"); phase != corev1.PodSucceeded {
		t.Errorf("the pod's phase is %s", phase)
	}
	if text := s.logs("pod", "proxy"); !strings.Contains(text, "ended in order") {
		t.Errorf("the sidecar was not asked to end: %q", text)
	}
}

func TestEphemeralContainer(t *testing.T) {
	s := newSpace(t)
	pod := s.start("web", server())
	pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{
		TargetContainerName: "app",
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: "debugger", Image: images.App, ImagePullPolicy: corev1.PullNever,
			// The target's process, seen from beside it.
			Args: []string{"cat", "/proc/1/cmdline"},
		},
	}}
	_, err := kube.CoreV1().Pods(s.name).UpdateEphemeralContainers(s.ctx, "web", pod, metav1.UpdateOptions{})
	s.must(err)
	s.podUntil("web", podLimit, "has run the debugger", func(pod *corev1.Pod) error {
		for _, c := range pod.Status.EphemeralContainerStatuses {
			if c.State.Terminated != nil && c.State.Terminated.ExitCode == 0 {
				return nil
			}
		}
		return fmt.Errorf("states %+v", pod.Status.EphemeralContainerStatuses)
	})
	if text := s.logs("web", "debugger"); !strings.Contains(text, "serve") {
		t.Errorf("the debugger saw %q as process 1, want the target's command", text)
	}
	if n := s.pod("web").Status.ContainerStatuses[0].RestartCount; n != 0 {
		t.Errorf("the debugger cost the target %d restarts", n)
	}
}

func TestGracefulTermination(t *testing.T) {
	s := newSpace(t)
	s.start("client", server())
	grace := int64(30)
	volume := withVolume("/data", corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}})
	wish := claim("data")
	_, err := kube.CoreV1().PersistentVolumeClaims(s.name).Create(s.ctx, &wish, metav1.CreateOptions{})
	s.must(err)
	s.start("web", server(volume, withEnv("FAREWELL", "/data/farewell", "DRAIN", "2s"), func(p *corev1.PodSpec) {
		p.TerminationGracePeriodSeconds = &grace
		p.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{
			Exec: &corev1.ExecAction{Command: []string{"/bin/testapp", "write", "/data/farewell", "hook ran"}},
		}}
	}))
	// A request that is under way when the pod is deleted gets its answer.
	address := s.pod("web").Status.PodIP + ":8080"
	answered := make(chan error, 1)
	go func() {
		body, err := s.viaProxy("GET", "client", "/fetch", values("url", "http://"+address+"/slow?for=3s"))
		if err == nil && body != "slow" {
			err = errors.New("answer " + body)
		}
		answered <- err
	}()
	s.eventually(10*time.Second, "the request is under way", func() error {
		_, err := s.fetch("client", address)
		return err
	})
	started := time.Now()
	s.must(kube.CoreV1().Pods(s.name).Delete(s.ctx, "web", metav1.DeleteOptions{}))
	if err := <-answered; err != nil {
		t.Errorf("the request under way: %v", err)
	}
	s.podGone("web", podLimit)
	if took := time.Since(started); took < 2*time.Second || took > cluster.Patience(25*time.Second) {
		t.Errorf("the pod took %s to end; it wants 2 s and has 30 s of grace", took)
	}
	s.start("after", server(volume))
	if text := s.get("after", "/file", "path", "/data/farewell"); text != "hook ran\nended in order\n" {
		t.Errorf("the pod left %q behind", text)
	}
}

// What does not end when asked is killed when its grace is over.
func TestKilledAfterGrace(t *testing.T) {
	s := newSpace(t)
	grace := int64(2)
	s.start("stubborn", server(withEnv("DRAIN", "1h"), func(p *corev1.PodSpec) { p.TerminationGracePeriodSeconds = &grace }))
	started := time.Now()
	s.must(kube.CoreV1().Pods(s.name).Delete(s.ctx, "stubborn", metav1.DeleteOptions{}))
	s.podGone("stubborn", podLimit)
	if took := time.Since(started); took < 2*time.Second || took > cluster.Patience(20*time.Second) {
		t.Errorf("it took %s, its grace is 2 s", took)
	}
}

func TestCrashLoopBacksOff(t *testing.T) {
	s := newSpace(t)
	s.create("crash", running([]string{"exit", "7", "about to crash"}))
	pod := s.podUntil("crash", podLimit, "backs off after crashes", func(pod *corev1.Pod) error {
		if len(pod.Status.ContainerStatuses) == 0 {
			return errors.New("no status")
		}
		c := pod.Status.ContainerStatuses[0]
		if c.RestartCount < 1 || c.State.Waiting == nil || c.State.Waiting.Reason != "CrashLoopBackOff" {
			return fmt.Errorf("restarts %d, state %s", c.RestartCount, c.State.String())
		}
		return nil
	})
	if end := pod.Status.ContainerStatuses[0].LastTerminationState.Terminated; end == nil || end.ExitCode != 7 || end.Reason != "Error" {
		t.Errorf("last end: %+v, want code 7", end)
	}
}
