package crash

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/test/cluster"
)

// On a machine without a network, such as a laptop in a train.
func TestSimulateWithoutNetwork(t *testing.T) {
	m := newMachine(t, simulated())
	m.must(m.Net.Command(m.ctx, "ip", "route", "delete", "default").Run())
	// From here, only its own network reaches it on loopback.
	m.must(m.Launch())
	ctx, cancel := context.WithTimeout(m.ctx, cluster.Patience(startLimit))
	defer cancel()
	m.must(m.WaitReady(ctx))
	nodes, err := m.Command(m.ctx, "bulkheadd", "kubectl", "--kubeconfig", m.Config.WriteKubeconfig, "get", "nodes", "-o", "name")
	m.must(err)
	said, err := nodes.CombinedOutput()
	if err != nil || strings.Count(string(said), "node/") != 3 {
		t.Errorf("kubectl get nodes: %v\n%s", err, said)
	}
}

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
