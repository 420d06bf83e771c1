package node

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/cgroupfs"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/cgrouppath"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/exit"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/metrics"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/node/pods"
)

var start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

func TestUsage(t *testing.T) {
	var g gate
	for i, c := range []struct {
		after          time.Duration
		used, capacity float64
		want           bool
	}{
		{0, 10, 100, true},                 // the first
		{10 * time.Second, 40, 100, false}, // far from full
		{20 * time.Second, 52, 100, true},
		{30 * time.Second, 56, 100, false}, // less than a step
		{40 * time.Second, 58, 100, true},
		{50 * time.Second, 96, 100, true}, // full
		{60 * time.Second, 97, 100, false},
		{70 * time.Second, 94, 100, false}, // about the threshold: once
		{80 * time.Second, 89, 100, true},
		{6 * time.Minute, 0, 100, true}, // fell
		{8 * time.Minute, 0, 100, false},
		{12 * time.Minute, 0, 100, true}, // for the trend
	} {
		if got := g.usage(start.Add(c.after), c.used, c.capacity, 0); got != c.want {
			t.Errorf("sample %d: %v of %v is told: %t", i, c.used, c.capacity, got)
		}
	}
	var free gate
	for i, c := range []struct {
		used float64
		want bool
	}{{1000, true}, {1100, false}, {1300, true}, {1350, false}, {700, true}} {
		if got := free.usage(start, c.used, 0, 100); got != c.want {
			t.Errorf("sample %d without a limit: %v is told: %t", i, c.used, got)
		}
	}
}

func TestAbove(t *testing.T) {
	var g gate
	for i, c := range []struct {
		after time.Duration
		value float64
		want  bool
	}{
		{0, 5, false}, {10 * time.Second, 12, true}, {20 * time.Second, 30, false}, {30 * time.Second, 8, false},
		{70 * time.Second, 12, true}, {80 * time.Second, 4, true}, {90 * time.Second, 0, false},
	} {
		if got := g.above(start.Add(c.after), c.value, 10); got != c.want {
			t.Errorf("sample %d: %v is told: %t", i, c.value, got)
		}
	}
}

func TestThrottlingIsOfThePeriod(t *testing.T) {
	s := state{pressures: map[string]*gate{}, cpu: cgroupfs.Throttling{Periods: 1000, Throttled: 100, WaitedNanos: 5e9}}
	news := s.take(start, "app", cgroupfs.Sample{CPU: &cgroupfs.Throttling{Periods: 1100, Throttled: 150, WaitedNanos: 7e9}})
	want := record.Throttling{Container: "app", Periods: 100, Throttled: 50, Waited: 2 * time.Second}
	if len(news) != 1 || *news[0].(*record.Throttling) != want {
		t.Errorf("got %+v, want %+v", news, want)
	}
}

func TestWorth(t *testing.T) {
	pod := cgrouppath.Place{PodUID: "u"}
	for _, c := range []struct {
		signal int
		main   bool
		place  cgrouppath.Place
		want   bool
	}{
		{15, true, pod, true}, {9, true, pod, true}, {6, false, pod, true}, {11, false, cgrouppath.Place{}, true},
		{15, false, pod, false}, {13, false, pod, false}, {9, true, cgrouppath.Place{}, false},
	} {
		if got := worth(exit.Event{Signal: c.signal, Main: c.main}, c.place); got != c.want {
			t.Errorf("signal %d, main %t, %+v: %t", c.signal, c.main, c.place, got)
		}
	}
}

// Several nodes may be on one machine: the kernel tells each of all pods.
func TestPodsOfOtherNodes(t *testing.T) {
	for _, c := range []struct {
		own, root string
		want      bool
	}{
		{"/bulkhead-00000001", "bulkhead-00000001", false},
		{"/bulkhead-00000001", "bulkhead", true},
		{"/bulkhead-00000001", "", false}, // not told
		{"/", "docker", false},
	} {
		n := &observer{Options: Options{CgroupRoot: c.own}}
		if got := n.others(cgrouppath.Place{PodUID: "u", Root: c.root}); got != c.want {
			t.Errorf("a pod below %q is another's than that of %q: %t", c.root, c.own, got)
		}
	}
}

func TestProbeEdges(t *testing.T) {
	s := probeStates{}
	id := metrics.ProbeID{Container: "app", Kind: "readiness"}
	for i, c := range []struct {
		after      time.Duration
		ok, failed int
		took       time.Duration
		told       bool
		wantOK     bool
	}{
		{0, 3, 0, time.Millisecond, true, true},
		{30 * time.Second, 3, 0, time.Millisecond, false, true},
		{60 * time.Second, 1, 2, time.Millisecond, true, false},
		{90 * time.Second, 0, 3, 0, false, false},
		{120 * time.Second, 0, 3, 0, true, false}, // still
		{150 * time.Second, 3, 0, time.Millisecond, true, true},
		{240 * time.Second, 3, 0, time.Second, true, true}, // slow
	} {
		news := s.take(start.Add(c.after), map[metrics.ProbeID]metrics.ProbeCount{id: {OK: c.ok, Failed: c.failed, Took: c.took}})
		p := news[id]
		if (p != nil) != c.told || p != nil && p.OK != c.wantOK {
			t.Errorf("sample %d: %+v", i, p)
		}
	}
}

func TestNetworkTables(t *testing.T) {
	table := "entries  clashres drop early_drop\n00000001  00000000 0000000a 00000000\n00000001  00000000 00000006 00000001\n"
	if got := column(table, "drop"); got != 16 {
		t.Errorf("drop is %d", got)
	}
	if got := column(table, "nothing"); got != 0 {
		t.Errorf("a column that is not there is %d", got)
	}
	if got := backlog("0000ffff 00000002 0\n00000001 00000003 0\n"); got != 5 {
		t.Errorf("the backlog is %d", got)
	}
	if got := news(nil, map[string]int64{"a": 5}); got != nil {
		t.Errorf("what was lost before we looked is news: %v", got)
	}
	got := news(map[string]int64{"a": 5, "b": 1}, map[string]int64{"a": 7, "b": 1, "c": 2})
	if len(got) != 2 || got[0] != (record.Network{Dropped: 2, Reason: "a"}) || got[1] != (record.Network{Dropped: 2, Reason: "c"}) {
		t.Errorf("got %v", got)
	}
}

// runtime knows one container.
type runtime struct{ labels map[string]string }

func (r runtime) ListContainers(context.Context, *cri.ListContainersRequest) (*cri.ListContainersResponse, error) {
	return &cri.ListContainersResponse{Containers: []*cri.Container{{Id: "c1", Labels: r.labels, Annotations: map[string]string{"io.kubernetes.container.restartCount": "2"}}}}, nil
}

func (runtime) ListPodSandbox(context.Context, *cri.ListPodSandboxRequest) (*cri.ListPodSandboxResponse, error) {
	return &cri.ListPodSandboxResponse{}, nil
}

func (runtime) Events(ctx context.Context, _ func(*cri.ContainerEventResponse)) error {
	return ctx.Err()
}

func TestCoreHasTheLastWordsOfItsContainer(t *testing.T) {
	logs := t.TempDir()
	dir := filepath.Join(logs, "shop_web-1_u1", "app")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "2.log"), []byte("2026-11-24T09:59:59Z stderr F bad input: \"x\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := &observer{
		Options: Options{NodeName: "n1", Append: func(...record.Record) error { return nil }, PodLogs: logs},
		tracker: pods.New(runtime{map[string]string{
			"io.kubernetes.pod.name": "web-1", "io.kubernetes.pod.namespace": "shop", "io.kubernetes.pod.uid": "u1", "io.kubernetes.container.name": "app",
		}}),
	}
	if err := n.complete(); err != nil {
		t.Fatal(err)
	}
	r := n.core(t.Context(), coredump.Report{Time: start, PID: 7, Signal: 6, ContainerID: "c1", PodUID: "u1", Kept: "/k", Others: 4, Stack: []string{"abort"}})
	p := r.Payload.(*record.CoreDump)
	if (r.Object != record.Ref{Kind: "Pod", Namespace: "shop", Name: "web-1", UID: "u1"}) || p.Container != "app" || p.Signal != 6 {
		t.Errorf("got %+v %+v", r, p)
	}
	if len(p.Log) != 1 || p.Log[0] != `bad input: "x"` {
		t.Errorf("the log is %q", p.Log)
	}
	if p.Others != 4 || p.Dropped != "" {
		t.Errorf("%d others, dropped: %q", p.Others, p.Dropped)
	}
	// A pod that nobody can name any more keeps its UID.
	r = n.core(t.Context(), coredump.Report{Time: start, PID: 7, Signal: 6, ContainerID: "c9", PodUID: "u9"})
	if (r.Object != record.Ref{Kind: "Pod", UID: "u9"}) {
		t.Errorf("got %+v", r.Object)
	}
}

func TestPullOf(t *testing.T) {
	pod := record.Ref{Kind: "Pod", Name: "web"}
	for name, c := range map[string]struct {
		object record.Ref
		event  record.Event
		want   *record.Pull
	}{
		"pulled": {pod, record.Event{Reason: "Pulled", Message: `Successfully pulled image "web:1" in 1.5s (2s including waiting). Image size: 7 bytes.`},
			&record.Pull{Image: "web:1", Took: 1500 * time.Millisecond}},
		"failed":          {pod, record.Event{Reason: "Failed", Message: `Failed to pull image "web:2": not found`}, &record.Pull{Image: "web:2", Error: "not found"}},
		"was there":       {pod, record.Event{Reason: "Pulled", Message: `Container image "web:1" already present on machine`}, nil},
		"another failure": {pod, record.Event{Reason: "Failed", Message: "Error: ErrImagePull"}, nil},
		"of another kind": {record.Ref{Kind: "Job"}, record.Event{Reason: "Pulled", Message: `Successfully pulled image "web:1" in 1s`}, nil},
	} {
		r, ok := PullOf(record.Record{Object: c.object, Payload: &c.event})
		if ok != (c.want != nil) || ok && *r.Payload.(*record.Pull) != *c.want {
			t.Errorf("%s: got %+v %t", name, r.Payload, ok)
		}
	}
}
