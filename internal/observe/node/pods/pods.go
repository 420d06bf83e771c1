// Package pods knows the containers of this node by their ids, as the container
// runtime tells (CRI): which pod each belongs to and what it is called there.
//
// Its one rule: a container is known before its first process runs (the runtime's
// events tell of its creation), and for a while after it was removed, since what
// it left behind is told later than its end.
package pods

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Container is one container of a pod, or the pod's sandbox.
type Container struct {
	Pod  record.Ref
	Name string
	ID   string
	// Sandbox says that it only holds the pod's namespaces.
	Sandbox bool
	// Restarts is how many the pod had of this name before; it names the log.
	Restarts string
}

// Labels and annotations that the kubelet gives.
const (
	labelPod       = "io.kubernetes.pod.name"
	labelNamespace = "io.kubernetes.pod.namespace"
	labelUID       = "io.kubernetes.pod.uid"
	labelContainer = "io.kubernetes.container.name"
	annotation     = "io.kubernetes.container.restartCount"
)

const (
	// remember is how long a removed container is known.
	remember = 15 * time.Minute
	relist   = time.Minute
	// ask is how often the runtime is asked for a container that is not known.
	ask     = time.Second
	timeout = 5 * time.Second
)

// Runtime is what is asked.
type Runtime interface {
	ListContainers(ctx context.Context, r *cri.ListContainersRequest) (*cri.ListContainersResponse, error)
	ListPodSandbox(ctx context.Context, r *cri.ListPodSandboxRequest) (*cri.ListPodSandboxResponse, error)
	// Events calls f for each event until ctx ends or the runtime does.
	Events(ctx context.Context, f func(*cri.ContainerEventResponse)) error
}

// Tracker keeps them.
type Tracker struct {
	runtime Runtime
	now     func() time.Time

	mu         sync.Mutex // guards what follows
	containers map[string]*known
	pods       map[string]record.Ref
	workloads  map[string]record.Ref // by the pods' UIDs
	listed     time.Time
}

type known struct {
	Container
	seen time.Time
}

// New returns a tracker that knows nothing yet.
func New(r Runtime) *Tracker {
	return &Tracker{runtime: r, now: time.Now, containers: map[string]*known{}, pods: map[string]record.Ref{}, workloads: map[string]record.Ref{}}
}

// Run keeps up with the runtime until ctx ends. While the runtime is away, what
// was known stays known.
func (t *Tracker) Run(ctx context.Context, failed func(error)) error {
	var following sync.WaitGroup
	defer following.Wait()
	following.Go(func() {
		for ctx.Err() == nil {
			// Without events the lists have to do.
			_ = t.runtime.Events(ctx, func(e *cri.ContainerEventResponse) { t.take(e) })
			select {
			case <-ctx.Done():
			case <-time.After(timeout):
			}
		}
	})
	tick := time.NewTicker(relist)
	defer tick.Stop()
	for {
		if err := t.List(ctx); err != nil && ctx.Err() == nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// List asks the runtime for all.
func (t *Tracker) List(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	sandboxes, err := t.runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	if err != nil {
		return fmt.Errorf("list pods of the container runtime: %w", err)
	}
	containers, err := t.runtime.ListContainers(ctx, &cri.ListContainersRequest{})
	if err != nil {
		return fmt.Errorf("list containers of the container runtime: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	t.listed = now
	for _, s := range sandboxes.Items {
		t.addSandbox(s.Id, s.Labels, now)
	}
	for _, c := range containers.Containers {
		t.add(Container{Pod: podOf(c.Labels), Name: c.Labels[labelContainer], ID: c.Id, Restarts: c.Annotations[annotation]}, now)
	}
	clear(t.pods)
	for id, k := range t.containers {
		if now.Sub(k.seen) > remember {
			delete(t.containers, id)
			continue
		}
		t.pods[k.Pod.UID] = k.Pod
	}
	maps.DeleteFunc(t.workloads, func(uid string, _ record.Ref) bool { _, there := t.pods[uid]; return !there })
	return nil
}

func podOf(labels map[string]string) record.Ref {
	return record.Ref{Kind: "Pod", Namespace: labels[labelNamespace], Name: labels[labelPod], UID: labels[labelUID]}
}

func (t *Tracker) add(c Container, now time.Time) {
	if c.Pod.Name == "" {
		return // not the kubelet's
	}
	t.containers[c.ID] = &known{c, now}
	t.pods[c.Pod.UID] = c.Pod
}

// addSandbox adds a pod's sandbox, which alone has the pod's labels.
func (t *Tracker) addSandbox(id string, labels map[string]string, now time.Time) {
	pod := podOf(labels)
	t.add(Container{Pod: pod, ID: id, Sandbox: true}, now)
	if pod.Name != "" {
		t.workloads[pod.UID] = Workload(pod, labels)
	}
}

// Workloads are those of the pods that are known, by the pods' UIDs.
func (t *Tracker) Workloads() map[string]record.Ref {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.workloads)
}

// take learns a container from its creation.
func (t *Tracker) take(e *cri.ContainerEventResponse) {
	if e.ContainerEventType != cri.ContainerEventType_CONTAINER_CREATED_EVENT && e.ContainerEventType != cri.ContainerEventType_CONTAINER_STARTED_EVENT || e.PodSandboxStatus == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now, pod := t.now(), podOf(e.PodSandboxStatus.Labels)
	t.addSandbox(e.PodSandboxStatus.Id, e.PodSandboxStatus.Labels, now)
	for _, c := range e.ContainersStatuses {
		t.add(Container{Pod: pod, Name: c.Labels[labelContainer], ID: c.Id, Restarts: c.Annotations[annotation]}, now)
	}
}

// Container returns the one with this id. If it is not known, the runtime is
// asked, but not often.
func (t *Tracker) Container(ctx context.Context, id string) (Container, bool) {
	if id == "" {
		return Container{}, false
	}
	t.mu.Lock()
	k, ok := t.containers[id]
	stale := t.now().Sub(t.listed) > ask
	if !ok && stale {
		t.listed = t.now()
	}
	t.mu.Unlock()
	if ok {
		return k.Container, true
	}
	if !stale || t.List(ctx) != nil {
		return Container{}, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if k, ok = t.containers[id]; !ok {
		return Container{}, false
	}
	return k.Container, true
}

// Pod returns the one with this UID.
func (t *Tracker) Pod(uid string) (record.Ref, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ref, ok := t.pods[uid]
	return ref, ok
}

// FromLogs finds a pod that the runtime does not know any more by the directory of
// its logs, <namespace>_<name>_<uid>, which the kubelet keeps for longer.
func FromLogs(logs, uid string) (record.Ref, bool) {
	if uid == "" || strings.ContainsAny(uid, `*?[\/`) {
		return record.Ref{}, false
	}
	found, _ := filepath.Glob(filepath.Join(logs, "*_*_"+uid)) // the pattern is well formed
	if len(found) != 1 {
		return record.Ref{}, false
	}
	parts := strings.SplitN(filepath.Base(found[0]), "_", 3)
	return record.Ref{Kind: "Pod", Namespace: parts[0], Name: parts[1], UID: uid}, true
}
