package pods

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

type runtime struct {
	sandboxes  []*cri.PodSandbox
	containers []*cri.Container
	err        error
	asked      int
}

func (r *runtime) ListContainers(context.Context, *cri.ListContainersRequest) (*cri.ListContainersResponse, error) {
	r.asked++
	return &cri.ListContainersResponse{Containers: r.containers}, r.err
}

func (r *runtime) ListPodSandbox(context.Context, *cri.ListPodSandboxRequest) (*cri.ListPodSandboxResponse, error) {
	return &cri.ListPodSandboxResponse{Items: r.sandboxes}, r.err
}

func (r *runtime) Events(ctx context.Context, _ func(*cri.ContainerEventResponse)) error {
	<-ctx.Done()
	return ctx.Err()
}

var web = record.Ref{Kind: "Pod", Namespace: "shop", Name: "web-1", UID: "u1"}

func labels(container string) map[string]string {
	return map[string]string{labelPod: "web-1", labelNamespace: "shop", labelUID: "u1", labelContainer: container}
}

func TestTracker(t *testing.T) {
	r := &runtime{
		sandboxes:  []*cri.PodSandbox{{Id: "s", Labels: labels("")}},
		containers: []*cri.Container{{Id: "c", Labels: labels("app"), Annotations: map[string]string{annotation: "2"}}, {Id: "foreign"}},
	}
	now := time.Unix(1000, 0)
	tracker := New(r)
	tracker.now = func() time.Time { return now }
	c, ok := tracker.Container(t.Context(), "c")
	if want := (Container{Pod: web, Name: "app", ID: "c", Restarts: "2"}); !ok || c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
	if s, ok := tracker.Container(t.Context(), "s"); !ok || !s.Sandbox || s.Pod != web {
		t.Errorf("sandbox: %+v %t", s, ok)
	}
	if pod, ok := tracker.Pod("u1"); !ok || pod != web {
		t.Errorf("pod: %+v %t", pod, ok)
	}
	asked := r.asked
	for range 10 {
		if _, ok := tracker.Container(t.Context(), "foreign"); ok {
			t.Error("a container that is no pod's is known")
		}
	}
	if r.asked != asked {
		t.Errorf("the runtime was asked %d times within a second", r.asked-asked)
	}

	// Removed: known for a while, then not.
	r.containers, r.sandboxes = nil, nil
	now = now.Add(remember - time.Second)
	if err := tracker.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := tracker.Container(t.Context(), "c"); !ok {
		t.Error("a container is forgotten at once")
	}
	now = now.Add(2 * time.Second)
	r.err = errors.New("the runtime is away")
	if err := tracker.List(t.Context()); err == nil {
		t.Error("no error")
	}
	if _, ok := tracker.Container(t.Context(), "c"); !ok {
		t.Error("a container is forgotten while the runtime is away")
	}
	r.err = nil
	if err := tracker.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := tracker.Container(t.Context(), "c"); ok {
		t.Error("a container is known for ever")
	}
}

func TestEvent(t *testing.T) {
	tracker := New(&runtime{})
	tracker.take(&cri.ContainerEventResponse{
		ContainerEventType: cri.ContainerEventType_CONTAINER_CREATED_EVENT,
		PodSandboxStatus:   &cri.PodSandboxStatus{Id: "s", Labels: labels("")},
		ContainersStatuses: []*cri.ContainerStatus{{Id: "c", Labels: labels("app")}},
	})
	if c, ok := tracker.Container(t.Context(), "c"); !ok || c.Pod != web || c.Name != "app" {
		t.Errorf("got %+v %t", c, ok)
	}
}

func TestFromLogs(t *testing.T) {
	logs := t.TempDir()
	if err := os.Mkdir(filepath.Join(logs, "shop_web-1_u1"), 0o700); err != nil {
		t.Fatal(err)
	}
	if pod, ok := FromLogs(logs, "u1"); !ok || pod != web {
		t.Errorf("got %+v %t", pod, ok)
	}
	for _, uid := range []string{"", "u2", "*", "../u1"} {
		if pod, ok := FromLogs(logs, uid); ok {
			t.Errorf("%q gives %v", uid, pod)
		}
	}
}
