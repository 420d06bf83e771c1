package crash

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/test/cluster"
	"github.com/bulkhead-k8s/bulkhead/test/images"
)

// watchFor is how long after a start no Incident may open: an incident without a
// sure cause is opened after 20 s.
const watchFor = 30 * time.Second

// What ends with its node has not failed. One of the pods ends with an error when it
// is stopped, one not at all until it is killed, one as it should.
func TestStopsAreNobodysFailure(t *testing.T) {
	m := newMachine(t, cluster.Options{})
	m.up()
	m.load()
	m.run("web")
	m.start("stubborn", "stay")
	m.start("clumsy", "sleep", "86400", "3")
	m.start("tidy", "sleep", "86400", "0")

	m.must(m.Down(m.ctx, false))
	m.up()
	m.ready("web")
	m.quiet("down and up")
	if code := m.lastExit("clumsy"); code != 3 {
		t.Errorf("the pod that should have ended with 3 has ended with %d: the test shows nothing", code)
	}

	before := m.ready("web")
	m.Kill()
	m.up()
	if containerOf(m.ready("web")) != containerOf(before) {
		t.Error("the container did not outlive the daemon: the test shows nothing")
	}
	m.quiet("a kill of the daemon")

	m.reboot()
	m.up()
	m.ready("web")
	m.quiet("a reboot")

	// A failure is still one.
	m.start("broken", "exit", "3")
	m.eventually(40*time.Second, "an Incident names the pod that fails", func() error {
		if open := m.incidents(); len(open) != 1 || open[0].Status.FirstCause.Object.Name != "broken" {
			return fmt.Errorf("incidents: %s", told(open))
		}
		return nil
	})
}

// start makes a pod of the tests' program.
func (m *machine) start(name string, args ...string) {
	m.Helper()
	grace := int64(2)
	_, err := m.client().CoreV1().Pods("default").Create(m.ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{TerminationGracePeriodSeconds: &grace, Containers: []corev1.Container{{
			Name: "app", Image: images.App, Args: args, ImagePullPolicy: corev1.PullNever,
		}}},
	}, metav1.CreateOptions{})
	m.must(err)
	m.eventually(40*time.Second, "pod "+name+" runs or has run", func() error {
		pod, err := m.client().CoreV1().Pods("default").Get(m.ctx, name, metav1.GetOptions{})
		if err == nil && (len(pod.Status.ContainerStatuses) == 0 || pod.Status.ContainerStatuses[0].State.Waiting != nil && pod.Status.ContainerStatuses[0].RestartCount == 0) {
			err = fmt.Errorf("its containers are %+v", pod.Status.ContainerStatuses)
		}
		return err
	})
}

func (m *machine) lastExit(name string) int32 {
	m.Helper()
	pod, err := m.client().CoreV1().Pods("default").Get(m.ctx, name, metav1.GetOptions{})
	m.must(err)
	if last := pod.Status.ContainerStatuses[0].LastTerminationState.Terminated; last != nil {
		return last.ExitCode
	}
	return -1
}

// quiet fails the test if an Incident opens.
func (m *machine) quiet(after string) {
	m.Helper()
	for end := time.Now().Add(watchFor); time.Now().Before(end); time.Sleep(time.Second) {
		if open := m.incidents(); len(open) > 0 {
			m.Errorf("after %s, there are incidents: %s", after, told(open))
			return
		}
	}
}

// incidents are all that were ever opened of the pods here: that the API server is
// slow is true on a busy machine.
func (m *machine) incidents() []v1alpha1.Incident {
	m.Helper()
	var list v1alpha1.IncidentList
	m.eventually(40*time.Second, "incidents can be listed", func() error {
		body, err := m.client().CoreV1().RESTClient().Get().AbsPath("/apis/bulkhead.dev/v1alpha1/incidents").Do(m.ctx).Raw()
		if err != nil {
			return err
		}
		return json.Unmarshal(body, &list)
	})
	return slices.DeleteFunc(list.Items, func(in v1alpha1.Incident) bool { return in.Status.FirstCause.Object.Namespace != "default" })
}

func told(all []v1alpha1.Incident) (text string) {
	for i := range all {
		c := all[i].Status.FirstCause
		text += fmt.Sprintf("\n%s %s/%s: %s %s", c.Reason, c.Object.Kind, c.Object.Name, c.Message, all[i].Status.Chain)
	}
	return text
}
