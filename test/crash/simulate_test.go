package crash

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// simulatedPodRuns makes a pod that no image exists for and sees it run.
func (m *machine) simulatedPodRuns() {
	m.Helper()
	client := m.client()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "imagined"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "no.such.registry.example/app:1"}}},
	}
	m.eventually(20*time.Second, "a simulated pod runs", func() error {
		_, err := client.CoreV1().Pods("default").Create(m.ctx, pod, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
		now, err := client.CoreV1().Pods("default").Get(m.ctx, pod.Name, metav1.GetOptions{})
		if err == nil && now.Status.Phase != corev1.PodRunning {
			err = fmt.Errorf("its phase is %s", now.Status.Phase)
		}
		return err
	})
}
