package warstory

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/image"
)

// Player is what Play needs of the cluster that it plays on.
type Player struct {
	// Bulkhead runs a command of the CLI and returns what it printed; an error has
	// what it complained of.
	Bulkhead func(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error)
	// Say is given what happens, a line each. Default: nothing is said.
	Say func(line string)
	// Builder assembles the image.
	Builder image.Builder
	// Calm is how long all is well before the campaign, Storm how long it goes on
	// after the cause was named. Defaults 10 s and 45 s.
	Calm, Storm time.Duration
	// Limit bounds the wait for each step. Default 3 min.
	Limit time.Duration
}

// Story is what happened.
type Story struct {
	// Campaign is when it was started.
	Campaign time.Time
	// Crash is how the first container ended, as its own state has it, which knows
	// the time to the second.
	Crash corev1.ContainerStateTerminated
	// Named is when an Incident with the server as first cause was seen first.
	Named time.Time
	// Text is what `bulkhead why` says in the end, Incident the same as a value.
	Text     string
	Incident v1alpha1.IncidentStatus
}

// poll is how often the cluster is asked.
const poll = 300 * time.Millisecond

// Play sets the application up, starts the campaign, and sees what comes of it. Clear
// takes all of it away.
func (p Player) Play(ctx context.Context) (Story, error) {
	p.complete()
	var s Story
	if err := p.setUp(ctx); err != nil {
		return s, err
	}
	p.Say(fmt.Sprintf("Three pods of a Node.js server (deployment/%s) answer 10 requests a second, as they should.", Server))
	if err := sleep(ctx, p.Calm); err != nil {
		return s, err
	}
	if in, err := p.incident(ctx); err != nil || in != nil {
		return s, errors.Join(err, fmt.Errorf("an incident is open before anything has failed: %+v", in))
	}
	p.Say("A campaign begins: every fifth of its visitors asks for a product with an emoji at a bad place of its name.")
	s.Campaign = time.Now()
	if err := p.apply(ctx, "campaign.yaml"); err != nil {
		return s, err
	}
	if err := p.follow(ctx, &s); err != nil {
		return s, err
	}
	p.Say(fmt.Sprintf("The first container crashed at %s UTC (exit code %d). An Incident names the server %.1f s later.",
		s.Crash.FinishedAt.UTC().Format("15:04:05"), s.Crash.ExitCode, s.Named.Sub(s.Crash.FinishedAt.Time).Seconds()))
	p.Say(fmt.Sprintf("The campaign goes on for %s.", p.Storm))
	if err := sleep(ctx, p.Storm); err != nil {
		return s, err
	}
	return s, p.ask(ctx, &s)
}

func (p *Player) complete() {
	if p.Say == nil {
		p.Say = func(string) {}
	}
	for d, standard := range map[*time.Duration]time.Duration{&p.Calm: 10 * time.Second, &p.Storm: 45 * time.Second, &p.Limit: 3 * time.Minute} {
		if *d == 0 {
			*d = standard
		}
	}
}

// Clear removes the application.
func (p Player) Clear(ctx context.Context) error {
	_, err := p.Bulkhead(ctx, nil, "kubectl", "delete", "namespace", Namespace, "--ignore-not-found", "--wait=false")
	return err
}

func (p Player) setUp(ctx context.Context) error {
	images, err := Build(ctx, p.Builder)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "warstory")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	archive := filepath.Join(dir, "image.tar")
	if err := image.WriteArchiveFile(archive, images); err != nil {
		return err
	}
	if _, err := p.Bulkhead(ctx, nil, "image", "import", archive); err != nil {
		return err
	}
	if err := p.apply(ctx, "app.yaml"); err != nil {
		return err
	}
	if err := p.until(ctx, "three pods of the server are ready", func() (bool, error) {
		pods, err := p.pods(ctx)
		ready := 0
		for i := range pods {
			for _, c := range pods[i].Status.Conditions {
				if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
					ready++
				}
			}
		}
		return ready >= 3, err
	}); err != nil {
		return err
	}
	if _, err = p.Bulkhead(ctx, nil, "kubectl", "-n", Namespace, "rollout", "status", "deployment/visitors", "--timeout="+p.Limit.String()); err != nil {
		return err
	}
	// Without metrics an autoscaler is blind, which is an incident of its own.
	if err := p.until(ctx, "the pods' use of processors is measured", func() (bool, error) {
		out, err := p.Bulkhead(ctx, nil, "kubectl", "-n", Namespace, "top", "pods", "--selector=app="+Server, "--no-headers")
		return bytes.Count(out, []byte("\n")) >= 3, err
	}); err != nil {
		return err
	}
	return p.apply(ctx, "scaler.yaml")
}

func (p Player) apply(ctx context.Context, name string) error {
	data, err := files.ReadFile("manifests/" + name)
	if err != nil {
		return err
	}
	// A new cluster on a busy machine may take long for its first answers.
	return p.until(ctx, name+" is applied", func() (bool, error) {
		_, err := p.Bulkhead(ctx, bytes.NewReader(data), "kubectl", "apply", "--filename=-")
		return err == nil, err
	})
}

func (p Player) pods(ctx context.Context) ([]corev1.Pod, error) {
	out, err := p.Bulkhead(ctx, nil, "kubectl", "-n", Namespace, "get", "pods", "--selector=app="+Server, "--output=json")
	if err != nil {
		return nil, err
	}
	var list corev1.PodList
	err = json.Unmarshal(out, &list)
	return list.Items, err
}

// follow waits for the first crash and for the Incident.
func (p Player) follow(ctx context.Context, s *Story) error {
	return p.until(ctx, "the cause is named", func() (bool, error) {
		if s.Named.IsZero() {
			in, err := p.incident(ctx)
			if err != nil {
				return false, err
			}
			if in != nil {
				s.Named = time.Now()
			}
		}
		pods, err := p.pods(ctx)
		if err != nil {
			return false, err
		}
		for i := range pods {
			for _, c := range pods[i].Status.ContainerStatuses {
				for _, t := range []*corev1.ContainerStateTerminated{c.LastTerminationState.Terminated, c.State.Terminated} {
					if t != nil && (s.Crash.FinishedAt.IsZero() || t.FinishedAt.Before(&s.Crash.FinishedAt)) {
						s.Crash = *t
					}
				}
			}
		}
		return !s.Named.IsZero() && !s.Crash.FinishedAt.IsZero(), nil
	})
}

// incident is the open Incident that has the server as first cause; nil if there is
// none.
func (p Player) incident(ctx context.Context) (*v1alpha1.IncidentStatus, error) {
	out, err := p.Bulkhead(ctx, nil, "kubectl", "-n", Namespace, "get", "incidents", "--output=json")
	if err != nil {
		return nil, err
	}
	var list v1alpha1.IncidentList
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, err
	}
	for i := range list.Items {
		in := &list.Items[i].Status
		if in.Closed == nil && in.FirstCause.Object.Kind == "Deployment" && in.FirstCause.Object.Name == Server {
			return in, nil
		}
	}
	return nil, nil
}

// ask has the story told.
func (p Player) ask(ctx context.Context, s *Story) error {
	question := []string{"why", "deploy/" + Server, "--namespace=" + Namespace}
	text, err := p.Bulkhead(ctx, nil, question...)
	if err != nil {
		return err
	}
	s.Text = string(text)
	out, err := p.Bulkhead(ctx, nil, append(question, "--output=json")...)
	if err != nil {
		return err
	}
	var answer struct{ Incidents []v1alpha1.IncidentStatus }
	if err := json.Unmarshal(out, &answer); err != nil {
		return err
	}
	if len(answer.Incidents) == 0 {
		return errors.New("`bulkhead why` tells of no incident")
	}
	s.Incident = answer.Incidents[0]
	return nil
}

func (p Player) until(ctx context.Context, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, p.Limit)
	defer cancel()
	for {
		ok, err := done()
		if err == nil && ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, errors.Join(ctx.Err(), err))
		case <-time.After(poll):
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
