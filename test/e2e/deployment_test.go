package e2e

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// deploy makes a Deployment of app and waits until all its pods are available.
func (s *space) deploy(app string, replicas int32, spec corev1.PodSpec) {
	s.Helper()
	_, err := kube.AppsV1().Deployments(s.name).Create(s.ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: app},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: selector(app),
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels(app)}, Spec: spec},
		},
	}, metav1.CreateOptions{})
	s.must(err)
	s.rolledOut(app, replicas)
}

// rolledOut waits until a Deployment has replicas available pods of its newest
// template, and no other.
func (s *space) rolledOut(app string, replicas int32) {
	s.Helper()
	s.eventually(podLimit, "Deployment "+app+" is rolled out", func() error {
		d, err := kube.AppsV1().Deployments(s.name).Get(s.ctx, app, metav1.GetOptions{})
		if err != nil {
			return err
		}
		status := d.Status
		if status.ObservedGeneration < d.Generation || status.UpdatedReplicas != replicas || status.AvailableReplicas != replicas || status.Replicas != replicas {
			return fmt.Errorf("updated %d, available %d, total %d of %d", status.UpdatedReplicas, status.AvailableReplicas, status.Replicas, replicas)
		}
		return nil
	})
}

func TestDeployment(t *testing.T) {
	s := newSpace(t)
	s.deploy("web", 2, server(withEnv("VERSION", "one")))
	first := s.pods("web")
	for _, pod := range first {
		a, err := decodeAnswer([]byte(s.get(pod.Name, "/")))
		s.must(err)
		if a.Version != "one" || a.Hostname != pod.Name {
			t.Errorf("pod %s answers %+v", pod.Name, a)
		}
	}

	// A new template replaces all pods.
	_, err := kube.AppsV1().Deployments(s.name).Patch(s.ctx, "web", types.StrategicMergePatchType,
		[]byte(`{"spec":{"template":{"spec":{"containers":[{"name":"app","env":[{"name":"VERSION","value":"two"}]}]}}}}`), metav1.PatchOptions{})
	s.must(err)
	s.rolledOut("web", 2)
	for _, pod := range s.pods("web") {
		a, err := decodeAnswer([]byte(s.get(pod.Name, "/")))
		s.must(err)
		if a.Version != "two" {
			t.Errorf("after the rollout, pod %s answers %+v", pod.Name, a)
		}
	}

	// Scale through the scale subresource, as kubectl and the HPA do.
	scale, err := kube.AppsV1().Deployments(s.name).GetScale(s.ctx, "web", metav1.GetOptions{})
	s.must(err)
	scale.Spec.Replicas = 3
	_, err = kube.AppsV1().Deployments(s.name).UpdateScale(s.ctx, "web", scale, metav1.UpdateOptions{})
	s.must(err)
	s.rolledOut("web", 3)

	// What is deleted comes back under another name.
	victim := s.pods("web")[0]
	s.must(kube.CoreV1().Pods(s.name).Delete(s.ctx, victim.Name, metav1.DeleteOptions{}))
	s.eventually(podLimit, "a third pod replaces the deleted one", func() error {
		ready := 0
		for _, pod := range s.pods("web") {
			if pod.Name == victim.Name {
				return fmt.Errorf("pod %s is still there", pod.Name)
			}
			if isReady(&pod) == nil {
				ready++
			}
		}
		if ready != 3 {
			return fmt.Errorf("%d pods are ready", ready)
		}
		return nil
	})
}

// A template that never becomes ready must not take the old pods away.
func TestDeploymentKeepsServingThroughABadRollout(t *testing.T) {
	s := newSpace(t)
	s.deploy("web", 2, server(withEnv("VERSION", "good")))
	_, err := kube.AppsV1().Deployments(s.name).Patch(s.ctx, "web", types.StrategicMergePatchType,
		[]byte(`{"spec":{"progressDeadlineSeconds":4,"template":{"spec":{"containers":[{"name":"app","env":[{"name":"READY","value":"false"}]}]}}}}`), metav1.PatchOptions{})
	s.must(err)
	s.eventually(40*time.Second, "the rollout is reported as stuck", func() error {
		d, err := kube.AppsV1().Deployments(s.name).Get(s.ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, c := range d.Status.Conditions {
			if c.Type == appsv1.DeploymentProgressing && c.Reason == "ProgressDeadlineExceeded" {
				if d.Status.AvailableReplicas < 2 {
					t.Errorf("only %d pods are available", d.Status.AvailableReplicas)
				}
				return nil
			}
		}
		return fmt.Errorf("conditions %+v", d.Status.Conditions)
	})
}
