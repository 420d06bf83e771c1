package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-k8s/bulkhead/test/cluster"
)

func TestKilledDuringItsStart(t *testing.T) {
	m := newMachine(t, cluster.Options{})
	for range 5 {
		m.must(m.Launch())
		after := 20*time.Millisecond + rand.N(4*time.Second)
		select {
		case <-time.After(after):
		case <-m.ctx.Done():
		}
		if m.PID() == 0 {
			t.Fatalf("the daemon ended by itself within %s:\n%s", after, m.Log())
		}
		t.Logf("killed %s after its start", after)
		m.Kill()
	}
	m.up()
	m.load()
	m.run("web")
}

// What the API server has acknowledged is there after a crash.
func TestKilledUnderWrites(t *testing.T) {
	m := newMachine(t, simulated())
	m.up()
	client := m.client()
	_, err := client.CoreV1().ConfigMaps("default").Create(m.ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "counter"}}, metav1.CreateOptions{})
	m.must(err)
	acknowledged := newLedger()
	for range 3 {
		before := acknowledged.len()
		ctx, cancel := context.WithCancel(m.ctx)
		var writers sync.WaitGroup
		for writer := range 4 {
			writers.Go(func() { acknowledged.write(ctx, client, writer) })
		}
		writers.Go(func() { acknowledged.count(ctx, client) })
		time.Sleep(300*time.Millisecond + rand.N(time.Second)) // a random moment is what is tested
		m.Kill()
		cancel()
		writers.Wait()
		if acknowledged.len() == before {
			t.Error("nothing was written before the crash: the test shows nothing")
		}

		m.up()
		list, err := client.CoreV1().ConfigMaps("default").List(m.ctx, metav1.ListOptions{LabelSelector: "written=yes"})
		m.must(err)
		found := map[string]string{}
		for _, item := range list.Items {
			found[item.Name] = item.Data["content"]
		}
		t.Logf("%d writes were acknowledged, %d are there, the counter was at %d", acknowledged.len(), len(found), acknowledged.counter)
		for name, content := range acknowledged.writes {
			if found[name] != content {
				t.Errorf("%s was acknowledged with %q and is %q", name, content, found[name])
			}
		}
		counter, err := client.CoreV1().ConfigMaps("default").Get(m.ctx, "counter", metav1.GetOptions{})
		m.must(err)
		if n, _ := strconv.Atoi(counter.Data["n"]); n < acknowledged.counter {
			t.Errorf("the counter went back from %d to %d", acknowledged.counter, n)
		}
	}
}

// ledger is what the API server has acknowledged.
type ledger struct {
	mu      sync.Mutex
	writes  map[string]string
	counter int
	serial  int
}

func newLedger() *ledger { return &ledger{writes: map[string]string{}} }

func (l *ledger) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.writes)
}

// write makes objects until the first one is not acknowledged.
func (l *ledger) write(ctx context.Context, client kubernetes.Interface, writer int) {
	for ctx.Err() == nil {
		l.mu.Lock()
		l.serial++
		name := fmt.Sprintf("w%d-%d", writer, l.serial)
		l.mu.Unlock()
		content := fmt.Sprintf("%016x", rand.Uint64())
		_, err := client.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"written": "yes"}},
			Data:       map[string]string{"content": content},
		}, metav1.CreateOptions{})
		if err != nil {
			return
		}
		l.mu.Lock()
		l.writes[name] = content
		l.mu.Unlock()
	}
}

// count overwrites one object with growing numbers.
func (l *ledger) count(ctx context.Context, client kubernetes.Interface) {
	for ctx.Err() == nil {
		patch := fmt.Sprintf(`{"data":{"n":"%d"}}`, l.counter+1)
		if _, err := client.CoreV1().ConfigMaps("default").Patch(ctx, "counter", types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
			return
		}
		l.counter++
	}
}

func TestKilledWithPods(t *testing.T) {
	m := newMachine(t, cluster.Options{})
	m.up()
	m.load()
	before := m.run("web")
	m.Kill()
	m.must(m.answers(before)) // nobody is in charge, and it goes on
	m.up()
	after := m.ready("web")
	if containerOf(before) != containerOf(after) || after.Status.ContainerStatuses[0].RestartCount != 0 {
		t.Errorf("the container was %s and is %s, with %d restarts", containerOf(before), containerOf(after), after.Status.ContainerStatuses[0].RestartCount)
	}
	m.run("second")
}

func TestContainerdKilled(t *testing.T) {
	m := newMachine(t, cluster.Options{})
	m.up()
	m.load()
	before := m.run("web")
	first := m.containerd()
	m.must(unix.Kill(first, unix.SIGKILL))
	m.must(m.answers(before))
	m.eventually(20*time.Second, "containerd runs again", func() error {
		if second := m.containerd(); second == 0 || second == first {
			return fmt.Errorf("its process is %d, it was %d", second, first)
		}
		return nil
	})
	m.run("second")
	after := m.ready("web")
	if containerOf(before) != containerOf(after) || after.Status.ContainerStatuses[0].RestartCount != 0 {
		t.Errorf("the container was %s and is %s", containerOf(before), containerOf(after))
	}
	if m.PID() == 0 {
		t.Error("the daemon ended with containerd")
	}
}

// containerd is the number of containerd's process, or 0.
func (m *machine) containerd() int {
	m.Helper()
	found, err := m.Find("containerd --config")
	m.must(err)
	if len(found) > 1 {
		m.must(errors.New("several containerds run"))
	}
	if len(found) == 0 {
		return 0
	}
	return found[0].PID
}
