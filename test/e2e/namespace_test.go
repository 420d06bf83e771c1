package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/test/cluster"
)

// space is a test's own namespace, and the shortest way to what tests do in it.
type space struct {
	*testing.T
	ctx  context.Context
	name string
}

// testLimit bounds every test; the slowest wait for a CronJob's minute.
const testLimit = 150 * time.Second

// newSpace makes the test run beside the others, in a namespace that goes away
// at its end. It skips the test where there is no cluster.
func newSpace(t *testing.T) *space {
	t.Helper()
	requireCluster(t)
	t.Parallel()
	return newSerialSpace(t)
}

// newSerialSpace is newSpace for tests that disturb all others.
func newSerialSpace(t *testing.T) *space {
	t.Helper()
	requireCluster(t)
	ctx, cancel := context.WithTimeout(context.Background(), cluster.Patience(testLimit))
	name := fmt.Sprintf("%s-%05x", kebab(t.Name()), rand.IntN(1<<20))
	s := &space{T: t, ctx: ctx, name: name}
	_, err := kube.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	s.must(err)
	t.Cleanup(func() {
		if t.Failed() {
			s.describe()
		}
		cancel()
		// Pods stop in the background, while other tests run.
		background, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := kube.CoreV1().Namespaces().Delete(background, name, metav1.DeleteOptions{}); err != nil {
			t.Errorf("delete namespace %s: %v", name, err)
		}
	})
	// The controller makes the ServiceAccount that pods need.
	s.eventually(20*time.Second, "the default ServiceAccount exists", func() error {
		_, err := kube.CoreV1().ServiceAccounts(name).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
	return s
}

func requireCluster(t *testing.T) {
	t.Helper()
	if unavailable != "" {
		t.Skip(unavailable)
	}
}

// requireOurs skips what can only be seen on the machine that runs the cluster.
func requireOurs(t *testing.T) {
	t.Helper()
	requireCluster(t)
	if ours == nil {
		t.Skip("KUBECONFIG_E2E names a cluster whose machine is not at hand")
	}
}

// kebab turns TestServiceDNS into service-dns, short enough for a name.
func kebab(name string) string {
	name = strings.TrimPrefix(name, "Test")
	var b strings.Builder
	for i, r := range name {
		upper := r >= 'A' && r <= 'Z'
		if upper && i > 0 && (name[i-1] < 'A' || name[i-1] > 'Z') {
			b.WriteByte('-')
		}
		if r == '/' || r == '_' {
			r = '-'
		}
		b.WriteString(strings.ToLower(string(r)))
	}
	return strings.Trim(b.String()[:min(b.Len(), 40)], "-")
}

// must ends the test unless err is nil.
func (s *space) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// atEnd calls clean when the test is over, with a context that is not.
func (s *space) atEnd(clean func(context.Context) error) {
	s.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := clean(ctx); err != nil {
			s.Errorf("clean up: %v", err)
		}
	})
}

// pause is how often a condition of the cluster is looked at again.
const pause = 200 * time.Millisecond

// eventually looks until condition returns nil, and ends the test with its last
// error if it does not within limit.
func (s *space) eventually(limit time.Duration, what string, condition func() error) {
	s.Helper()
	limit = cluster.Patience(limit)
	deadline := time.Now().Add(limit)
	for {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(deadline) || s.ctx.Err() != nil {
			s.Fatalf("after %s it is not so that %s: %v", limit, what, err)
		}
		time.Sleep(pause)
	}
}

// throughout looks for the length of time, and ends the test if condition
// returns an error in it.
func (s *space) throughout(length time.Duration, what string, condition func() error) {
	s.Helper()
	for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(pause) {
		if err := condition(); err != nil {
			s.Fatalf("it did not stay so that %s: %v", what, err)
		}
	}
}

// describe logs what a person would look at after a failure.
func (s *space) describe() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	pods, err := kube.CoreV1().Pods(s.name).List(ctx, metav1.ListOptions{})
	if err != nil {
		s.Logf("list pods: %v", err)
		return
	}
	for _, pod := range pods.Items {
		s.Logf("pod %s: %s %s %s", pod.Name, pod.Status.Phase, pod.Status.Reason, pod.Status.Message)
		for _, c := range pod.Status.ContainerStatuses {
			s.Logf("  container %s: ready %v, restarts %d, state %s, last %s", c.Name, c.Ready, c.RestartCount, c.State.String(), c.LastTerminationState.String())
			lines := int64(8)
			text, err := kube.CoreV1().Pods(s.name).GetLogs(pod.Name, &corev1.PodLogOptions{Container: c.Name, TailLines: &lines}).DoRaw(ctx)
			if err == nil {
				s.Logf("  log: %s", text)
			}
		}
	}
	events, err := kube.CoreV1().Events(s.name).List(ctx, metav1.ListOptions{})
	if err != nil {
		s.Logf("list events: %v", err)
		return
	}
	for _, event := range events.Items[max(0, len(events.Items)-25):] {
		s.Logf("event %s/%s %s: %s", event.InvolvedObject.Kind, event.InvolvedObject.Name, event.Reason, event.Message)
	}
}
