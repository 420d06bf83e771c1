package e2e

import (
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestDaemonSetRunsOnEveryNode(t *testing.T) {
	s := newSpace(t)
	nodes, err := kube.CoreV1().Nodes().List(s.ctx, metav1.ListOptions{})
	s.must(err)
	_, err = kube.AppsV1().DaemonSets(s.name).Create(s.ctx, &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "agent"},
		Spec: appsv1.DaemonSetSpec{
			Selector: selector("agent"),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels("agent")},
				Spec: server(func(p *corev1.PodSpec) {
					p.Containers[0].Env = []corev1.EnvVar{{Name: "NODE", ValueFrom: &corev1.EnvVarSource{
						FieldRef: &corev1.ObjectFieldSelector{FieldPath: "spec.nodeName"},
					}}}
				}),
			},
		},
	}, metav1.CreateOptions{})
	s.must(err)
	var pods []corev1.Pod
	s.eventually(podLimit, "each node has a ready pod of the DaemonSet", func() error {
		d, err := kube.AppsV1().DaemonSets(s.name).Get(s.ctx, "agent", metav1.GetOptions{})
		if err != nil {
			return err
		}
		pods = s.pods("agent")
		if int(d.Status.NumberReady) != len(nodes.Items) || len(pods) != len(nodes.Items) {
			return fmt.Errorf("%d ready, %d pods, %d nodes", d.Status.NumberReady, len(pods), len(nodes.Items))
		}
		return nil
	})
	for _, pod := range pods {
		if node := s.get(pod.Name, "/env/NODE"); node != pod.Spec.NodeName {
			t.Errorf("the downward API says node %q, the pod is on %q", node, pod.Spec.NodeName)
		}
	}

	// A selector that no node has takes the pods away.
	d, err := kube.AppsV1().DaemonSets(s.name).Get(s.ctx, "agent", metav1.GetOptions{})
	s.must(err)
	d.Spec.Template.Spec.NodeSelector = map[string]string{"e2e.bulkhead.dev/nowhere": "true"}
	_, err = kube.AppsV1().DaemonSets(s.name).Update(s.ctx, d, metav1.UpdateOptions{})
	s.must(err)
	s.eventually(podLimit, "no pod of the DaemonSet is left", func() error {
		if left := s.pods("agent"); len(left) > 0 {
			return fmt.Errorf("%d are", len(left))
		}
		return nil
	})
}
