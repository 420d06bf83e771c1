package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/stages"
)

// fakeLife bounds a fake daemon that a failed script has left behind.
const fakeLife = 60 * time.Second

// fakeDaemonMain is a bulkheadd that pretends. $FAKE says what goes wrong.
func fakeDaemonMain(args []string) int {
	dataDir := config.Default().DataDir
	dryRun := false
	for _, arg := range args {
		if dir, found := strings.CutPrefix(arg, "--data-dir="); found {
			dataDir = dir
		}
		dryRun = dryRun || arg == "--dry-run"
	}
	switch args[0] {
	case "server":
		return fakeServer(dataDir, args)
	case "version":
		fmt.Println(`{"bulkhead":"v9","kubernetes":"v1.37.2"}`)
	case "kubectl":
		fmt.Printf("kubectl %q KUBECONFIG=%s\n", args[1:], os.Getenv("KUBECONFIG"))
		if len(args) > 1 && args[1] == "fail" {
			return 7
		}
	case "token":
		return fakeToken(args)
	case "drain", "uncordon":
		fmt.Printf("%q\n", args)
		fmt.Fprintln(os.Stderr, "Warning: ignoring DaemonSet-managed Pods")
	case "remove":
		fmt.Fprintln(os.Stderr, "bulkheadd: node server runs the server of this cluster")
		return 1
	case "cleanup":
		fmt.Println("process 4711 (containerd)")
	case "reset":
		type item struct{ Kind, Name string }
		items := []item{}
		if _, err := os.Stat(dataDir); err == nil {
			items = append(items, item{"mount", dataDir + "/x"}, item{"directory", dataDir})
		}
		if !dryRun {
			if err := os.RemoveAll(dataDir); err != nil {
				fmt.Fprintln(os.Stderr, "bulkheadd:", err)
				return 1
			}
			return 0
		}
		_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"items": items})
	}
	return 0
}

// fakeToken is `bulkheadd token`.
func fakeToken(args []string) int {
	switch {
	case args[1] == "create":
		fmt.Println(`{"id":"abcdef","expires":"2026-11-25T10:00:00Z","token":"abcdef.0123456789abcdef@sha256:00ff","server":"https://192.0.2.1:6443"}`)
	case args[1] == "list":
		fmt.Println(`[{"id":"abcdef","expires":"2126-11-25T10:00:00Z","description":"rack 2"},{"id":"ghijkl","expires":"2020-11-25T10:00:00Z","expired":true},{"id":"mnopqr"}]`)
	case args[2] == "gone12":
		fmt.Fprintln(os.Stderr, "bulkheadd: there is no token gone12")
		return 1
	}
	return 0
}

// fakeServer is `bulkheadd server`, with the real one's socket, lock and files.
func fakeServer(dataDir string, args []string) int {
	if os.Getenv("FAKE") == "die" {
		fmt.Fprintln(os.Stderr, "I1124 08:00:00.000001       1 x.go:1] starting")
		fmt.Fprintln(os.Stderr, "bulkheadd: etcd: the disk is full; free some")
		return 1
	}
	if err := os.WriteFile(filepath.Join(dataDir, "args"), []byte(strings.Join(args, "\n")+"\n"), 0o600); err != nil {
		return 1
	}
	lock, err := os.Create(filepath.Join(dataDir, "lock"))
	if err != nil || syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		fmt.Fprintln(os.Stderr, "bulkheadd: the data directory is locked")
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, fakeLife)
	defer cancel()
	c := config.Default()
	c.DataDir = dataDir
	listener, err := admin.Listen(c.AdminSocket())
	if err != nil {
		fmt.Fprintln(os.Stderr, "bulkheadd:", err)
		return 1
	}
	daemon := &fakeDaemon{dataDir: dataDir, stop: cancel, tracker: stages.New(), sick: os.Getenv("FAKE") == "sick"}
	served := make(chan error, 1)
	go func() { served <- admin.Serve(ctx, listener, daemon) }()

	daemon.tracker.Begin("etcd serving")(nil)
	daemon.tracker.BeginDetail("schema read")(nil)
	switch os.Getenv("FAKE") {
	case "fail":
		daemon.tracker.Begin("API server ready")(errors.New("port taken"))
		daemon.tracker.Done()
		time.Sleep(300 * time.Millisecond) // the real one stops its components now
		fmt.Fprintln(os.Stderr, "bulkheadd: port 6443 was taken meanwhile; stop the other program")
		return 1
	case "panic":
		panic("index out of range")
	case "hang":
		<-ctx.Done()
		return 0
	}
	kubeconfig := `{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}],
clusters: [{name: k, cluster: {server: "https://192.0.2.1:6443", certificate-authority-data: Q0E=}}],
users: [{name: u, user: {client-certificate-data: Q0VSVA==, client-key-data: S0VZ}}]}`
	if err := os.WriteFile(filepath.Join(dataDir, "kubeconfig"), []byte(kubeconfig), 0o600); err != nil {
		return 1
	}
	daemon.tracker.Begin("API server ready")(nil)
	daemon.ready = true
	daemon.tracker.Done()
	if err := <-served; err != nil {
		fmt.Fprintln(os.Stderr, "bulkheadd:", err)
		return 1
	}
	return 0
}

// fakeDaemon answers the CLI. Its fields are set before the tracker is done,
// which is what the CLI waits for.
type fakeDaemon struct {
	dataDir     string
	stop        context.CancelFunc
	tracker     *stages.Tracker
	ready, sick bool
}

func (d *fakeDaemon) Stages() *stages.Tracker { return d.tracker }

func (d *fakeDaemon) Status(context.Context) admin.Status {
	health, message := admin.HealthOK, ""
	if d.sick {
		health, message = admin.HealthFailing, "no leader"
	}
	return admin.Status{
		Version: "v9", KubernetesVersion: "v1.37.2", PID: os.Getpid(), Ready: d.ready, Started: time.Now(), Simulated: true,
		NodeName: "node", NodeIP: "192.0.2.1", Server: "https://192.0.2.1:6443", DataDir: d.dataDir,
		Kubeconfig: filepath.Join(d.dataDir, "kubeconfig"), ClusterDNS: "10.43.0.10",
		Components: []admin.Component{{Name: "etcd", Version: "3.7.3", Health: health, Message: message}},
		Diagnosis:  &admin.Diagnosis{JournalBytes: 5 << 20, Records: 1234, OpenIncidents: 1},
		Resources:  admin.Resources{CPUSeconds: 1.5, ResidentBytes: 300 << 20, DiskFreeBytes: 5 << 30},
	}
}

func (d *fakeDaemon) Why(_ context.Context, r admin.WhyRequest) (admin.WhyReply, error) {
	reply := admin.WhyReply{Now: time.Date(2026, 11, 24, 10, 42, 0, 0, time.UTC), Incidents: json.RawMessage("[]"), Notes: []string{"Secret is not watched: forbidden"}}
	switch {
	case r.Object != nil && r.Object.Name == "gone":
		reply.Unknown = true
	case r.Object != nil || !d.sick:
		reply.LastClosed = reply.Now.Add(-3 * time.Hour)
		reply.LastCause = json.RawMessage(`{"object":{"kind":"Deployment","namespace":"shop","name":"web"},"reason":"AbortSignal","message":"container app aborts"}`)
	default:
		reply.Incidents = json.RawMessage(`[{"firstCause":{"object":{"kind":"Deployment","namespace":"shop","name":"web"},"reason":"ContainerExited",
"message":"container app ended with exit code 1","since":"2026-11-24T10:41:00Z","confidence":0.9,"evidence":[]},"candidates":[],"chain":[],
"blastRadius":{"workloads":["shop/web"],"workloadCount":1,"podCount":2,"nodeCount":0,"serviceCount":0},"ruledOut":[],
"nextSteps":[{"text":"Read its last lines.","command":"kubectl -n shop logs deployment/web --previous"}]}]`)
	}
	return reply, nil
}

func (d *fakeDaemon) History(_ context.Context, r admin.HistoryRequest) (admin.HistoryReply, error) {
	at := time.Date(2026, 11, 24, 10, 42, 0, 0, time.UTC)
	switch {
	case r.Object.Name == "gone" && !r.At.IsZero():
		return admin.HistoryReply{Time: at}, nil
	case r.Object.Name != "web":
		return admin.HistoryReply{}, nil
	case !r.At.IsZero():
		return admin.HistoryReply{Time: at, State: json.RawMessage(`{"kind":"` + r.Object.Kind + `","spec":{"replicas":3}}`)}, nil
	}
	return admin.HistoryReply{Steps: []admin.HistoryStep{
		{Time: at, What: "created"},
		{Time: at.Add(time.Second), What: "changed", Text: "spec.replicas: 2 -> 3", Edits: []admin.HistoryEdit{{Path: "spec.replicas", Old: "2", New: "3"}}},
	}}, nil
}

func (d *fakeDaemon) NodePools(_ context.Context, r admin.NodePoolsRequest) (admin.NodePoolsReply, error) {
	if r.Pool == "nothing" {
		return admin.NodePoolsReply{}, nil
	}
	return admin.NodePoolsReply{At: time.Unix(1_800_000_000, 0), Pods: []admin.PodVerdict{
		{Namespace: "shop", Name: "big-1", Owner: "Deployment shop/big", Verdict: "NoPoolFits", Why: []string{"pool web: Insufficient memory"}},
		{Namespace: "shop", Name: "big-2", Owner: "Deployment shop/big", Verdict: "NoPoolFits", Why: []string{"pool web: Insufficient memory"}},
		{Namespace: "shop", Name: "web-1", Owner: "Deployment shop/web", Verdict: "NodeComes", Why: []string{"node web-1 is on its way"}},
	}, Nodes: []admin.NodeVerdict{{Pool: "web", Node: "web-0", State: "Ready", Why: "its pods ask for 80% of its cpu and 20% of its memory"}}, Advice: []string{"node web-9 of pool web would be emptied: it is empty"}}, nil
}

func (d *fakeDaemon) ExportJournal(_ context.Context, w io.Writer, _ admin.ExportRequest) error {
	if d.sick {
		return errors.New("the journal cannot be read")
	}
	_, err := io.WriteString(w, "records\n")
	return err
}

func (d *fakeDaemon) ImportImages(_ context.Context, archive io.Reader) ([]admin.Image, error) {
	data, err := io.ReadAll(archive)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(string(data), "rubbish") {
		return nil, errors.New("not an image archive")
	}
	return []admin.Image{{Name: "docker.io/library/app:1", SizeBytes: int64(len(data))}}, nil
}

func (d *fakeDaemon) ListImages(context.Context) ([]admin.Image, error) {
	return []admin.Image{{Name: "docker.io/library/app:1", Digest: "sha256:0123456789abcdef0123456789abcdef", SizeBytes: 2048}}, nil
}

func (d *fakeDaemon) Stop(_ context.Context, keepPods bool) error {
	err := os.WriteFile(filepath.Join(d.dataDir, "stopped"), fmt.Appendf(nil, "keepPods=%v\n", keepPods), 0o600)
	d.stop()
	return err
}
