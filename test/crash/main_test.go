package crash

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/bulkhead-k8s/bulkhead/test/cluster"
	"github.com/bulkhead-k8s/bulkhead/test/images"
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(m.Run())
}

const (
	// testLimit bounds each test, startLimit one start on a busy machine.
	testLimit  = 4 * time.Minute
	startLimit = 60 * time.Second
	pause      = 100 * time.Millisecond
)

// machine is a test with a cluster of its own, which may be down.
type machine struct {
	*testing.T
	*cluster.Cluster
	ctx context.Context
}

// newMachine prepares a cluster that goes away with the test. Tests run beside
// each other.
func newMachine(t *testing.T, o cluster.Options) *machine {
	t.Helper()
	t.Parallel()
	return newMachineAlone(t, o)
}

// newMachineAlone is for a test of what the whole machine has once.
func newMachineAlone(t *testing.T, o cluster.Options) *machine {
	t.Helper()
	o.Label = "bh-crash"
	c, ctx := cluster.For(t, testLimit, o)
	return &machine{T: t, Cluster: c, ctx: ctx}
}

// simulated needs no containers and so starts fast; it is enough where the
// store, the certificates or the files are meant.
func simulated(args ...string) cluster.Options {
	return cluster.Options{Simulate: true, Args: args}
}

func (m *machine) must(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

// up starts the daemon and waits until it is usable.
func (m *machine) up() {
	m.Helper()
	ctx, cancel := context.WithTimeout(m.ctx, cluster.Patience(startLimit))
	defer cancel()
	started := time.Now()
	m.must(m.Start(ctx))
	m.Logf("up after %.1f s", time.Since(started).Seconds())
}

// refused starts the daemon, which has to end by itself soon, and returns its
// last line, the only one that speaks of the daemon's end: it is what `bulkhead
// up` shows.
func (m *machine) refused() string {
	m.Helper()
	before := len(m.Log())
	m.must(m.Launch())
	ctx, cancel := context.WithTimeout(m.ctx, cluster.Patience(20*time.Second))
	defer cancel()
	if err := m.Exited(ctx); err == nil || ctx.Err() != nil {
		m.Fatalf("the daemon should refuse to start, but: %v", err)
	}
	all := strings.TrimSpace(m.Log()[before:])
	_, said, _ := strings.Cut("\n"+all, "\nbulkheadd: ")
	if said == "" || strings.Contains(said, "\n") || strings.Contains(all, "\ngoroutine ") {
		m.Errorf("this does not end in one clear line:\n%s", all)
	}
	return said
}

// mentions fails the test unless text contains all words.
func (m *machine) mentions(text string, words ...string) {
	m.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			m.Errorf("%q does not mention %q", text, word)
		}
	}
}

func (m *machine) client() kubernetes.Interface {
	m.Helper()
	config, err := m.REST()
	m.must(err)
	config.Timeout = 10 * time.Second
	client, err := kubernetes.NewForConfig(config)
	m.must(err)
	return client
}

func (m *machine) eventually(limit time.Duration, what string, condition func() error) {
	m.Helper()
	limit = cluster.Patience(limit)
	deadline := time.Now().Add(limit)
	for {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(deadline) || m.ctx.Err() != nil {
			m.Fatalf("after %s it is not so that %s: %v", limit, what, err)
		}
		time.Sleep(pause)
	}
}

// load gives the cluster the image of the tests' program.
func (m *machine) load() {
	m.Helper()
	m.must(images.Import(m.ctx, m.Admin()))
}

// run makes a pod with a web server in it and waits until it is ready.
func (m *machine) run(name string) *corev1.Pod {
	m.Helper()
	client := m.client()
	grace := int64(1)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{TerminationGracePeriodSeconds: &grace, Containers: []corev1.Container{{
			Name: "app", Image: images.App, Args: []string{"serve"}, ImagePullPolicy: corev1.PullNever,
			Env: []corev1.EnvVar{{Name: "VERSION", Value: name}},
		}}},
	}
	m.eventually(10*time.Second, "pod "+name+" is made", func() error {
		_, err := client.CoreV1().Pods("default").Create(m.ctx, pod, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return nil
		}
		return err
	})
	return m.ready(name)
}

// ready waits until a pod is ready, answers on its address, and returns it.
func (m *machine) ready(name string) (pod *corev1.Pod) {
	m.Helper()
	client := m.client()
	m.eventually(40*time.Second, "pod "+name+" is ready and answers", func() (err error) {
		if pod, err = client.CoreV1().Pods("default").Get(m.ctx, name, metav1.GetOptions{}); err != nil {
			return err
		}
		for _, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
				return m.answers(pod)
			}
		}
		return fmt.Errorf("its phase is %s, its containers %+v", pod.Status.Phase, pod.Status.ContainerStatuses)
	})
	return pod
}

// answers connects to a pod from the node's network.
func (m *machine) answers(pod *corev1.Pod) error {
	ctx, cancel := context.WithTimeout(m.ctx, 2*time.Second)
	defer cancel()
	conn, err := m.Net.Dial(ctx, "tcp", net.JoinHostPort(pod.Status.PodIP, "8080"))
	if err != nil {
		return err
	}
	return conn.Close()
}

func containerOf(pod *corev1.Pod) string { return pod.Status.ContainerStatuses[0].ContainerID }

// nobody is the number of an ordinary user and of its group.
const nobody = 65534
