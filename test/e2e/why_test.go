package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
)

// whyLimit is how long a verdict may take from the first crash on: what is promised
// is 5 s, of which the kubelet has most.
const whyLimit = 20 * time.Second

// bulkhead runs a command of the CLI on our cluster and returns what it printed.
func (s *space) bulkhead(args ...string) (string, error) {
	s.Helper()
	if ours == nil {
		s.Skip("a cluster of our own is needed: another has no journal")
	}
	command, err := ours.Command(s.ctx, "bulkhead", append(args, "--data-dir="+ours.Config.DataDir)...)
	s.must(err)
	var out, said bytes.Buffer
	command.Stdout, command.Stderr = &out, &said
	err = command.Run()
	if ended := (*exec.ExitError)(nil); err != nil && ended == nil {
		err = fmt.Errorf("bulkhead %s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	return out.String(), err
}

func (s *space) crashing(name string, command ...string) {
	s.Helper()
	s.failing(name, 1, running(command, func(p *corev1.PodSpec) {
		// The first process of a namespace cannot be ended by a signal of its own.
		share := true
		p.ShareProcessNamespace = &share
	}))
}

// incidents are those that why tells of an object.
func (s *space) incidents(about string) ([]v1alpha1.IncidentStatus, error) {
	s.Helper()
	out, err := s.bulkhead("why", about, "-n", s.name, "-o", "json")
	if err != nil {
		return nil, err
	}
	var answer struct{ Incidents []v1alpha1.IncidentStatus }
	err = json.Unmarshal([]byte(out), &answer)
	return answer.Incidents, err
}

func TestWhyNamesWhatCrashes(t *testing.T) {
	s := newSpace(t)
	s.crashing("crasher", "exit", "3", "cannot read settings: unexpected end")
	var in v1alpha1.IncidentStatus
	s.eventually(whyLimit, "why names the Deployment", func() error {
		all, err := s.incidents("deploy/crasher")
		if err != nil {
			return err
		}
		if len(all) != 1 {
			return fmt.Errorf("%d incidents", len(all))
		}
		in = all[0]
		if o := in.FirstCause.Object; o.Kind != "Deployment" || o.Name != "crasher" || o.Namespace != s.name {
			return fmt.Errorf("first cause is %+v", in.FirstCause)
		}
		return nil
	})
	named := time.Now()
	for _, c := range s.pods("crasher")[0].Status.ContainerStatuses {
		for _, end := range []*corev1.ContainerStateTerminated{c.LastTerminationState.Terminated, c.State.Terminated} {
			if end != nil && c.RestartCount <= 1 {
				t.Logf("named %.1f s after an end of the container, whose time is known to the second", named.Sub(end.FinishedAt.Time).Seconds())
			}
		}
	}
	story, err := s.bulkhead("why", "deploy/crasher", "-n", s.name)
	s.must(err)
	for _, want := range []string{"First cause: deployment/crasher", "Who is hit:", "What to do:"} {
		if !strings.Contains(story, want) {
			t.Errorf("the story lacks %q:\n%s", want, story)
		}
	}

	// The incident is an object, too, and its culprit has an Event.
	s.eventually(whyLimit, "an Incident is open", func() error {
		body, err := kube.CoreV1().RESTClient().Get().AbsPath("/apis/bulkhead.dev/v1alpha1/namespaces/" + s.name + "/incidents").Do(s.ctx).Raw()
		if err != nil {
			return err
		}
		var list v1alpha1.IncidentList
		if err := json.Unmarshal(body, &list); err != nil {
			return err
		}
		if len(list.Items) != 1 || list.Items[0].Status.FirstCause.Object.Name != "crasher" {
			return fmt.Errorf("incidents are %s", body)
		}
		return nil
	})
	s.eventually(whyLimit, "the culprit has an Event", func() error {
		events, err := kube.CoreV1().Events(s.name).List(s.ctx, metav1.ListOptions{FieldSelector: "reason=FirstCause"})
		if err != nil {
			return err
		}
		if len(events.Items) == 0 {
			return fmt.Errorf("there is none")
		}
		return nil
	})
}

func TestHistoryShowsTheFormerState(t *testing.T) {
	s := newSpace(t)
	s.deploy("web", 1, server(withEnv("VERSION", "one")))
	before := time.Now()
	s.eventually(podLimit, "the journal has the Deployment", func() error {
		out, err := s.bulkhead("history", "deploy/web", "-n", s.name)
		if err == nil && !strings.Contains(out, "created") {
			err = fmt.Errorf("it has %q", out)
		}
		return err
	})
	s.must(kube.AppsV1().Deployments(s.name).Delete(s.ctx, "web", metav1.DeleteOptions{}))
	s.eventually(podLimit, "the journal has the removal", func() error {
		out, err := s.bulkhead("history", "deploy/web", "-n", s.name)
		if err == nil && !strings.Contains(out, "deleted") {
			err = fmt.Errorf("it has %q", out)
		}
		return err
	})
	out, err := s.bulkhead("history", "deploy/web", "-n", s.name, "--at", before.Format(time.RFC3339Nano))
	s.must(err)
	for _, want := range []string{"kind: Deployment", "name: VERSION", "value: one"} {
		if !strings.Contains(out, want) {
			t.Errorf("the former state lacks %q:\n%s", want, out)
		}
	}
	if out, err := s.bulkhead("history", "deploy/web", "-n", s.name, "--at", "0s"); err == nil {
		t.Errorf("it is shown although it is gone:\n%s", out)
	}
}

// The journal has no Secret's value, whatever is done with it.
func TestJournalHasNoSecrets(t *testing.T) {
	s := newSpace(t)
	const password = "correct-horse-battery"
	_, err := kube.CoreV1().Secrets(s.name).Create(s.ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "db"}, StringData: map[string]string{"password": password}}, metav1.CreateOptions{})
	s.must(err)
	s.eventually(podLimit, "the journal has the Secret", func() error {
		out, err := s.bulkhead("history", "secret/db", "-n", s.name, "--at", "0s")
		if err == nil && !strings.Contains(out, "password: ") {
			err = fmt.Errorf("it has %q", out)
		}
		return err
	})
	out, err := s.bulkhead("history", "secret/db", "-n", s.name, "--at", "0s")
	s.must(err)
	for _, form := range []string{password, "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5"} {
		if strings.Contains(out, form) {
			t.Errorf("the value is in the journal:\n%s", out)
		}
	}
}
