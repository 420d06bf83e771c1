package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/stages"
)

// fakeDaemon answers from its fields.
type fakeDaemon struct {
	status   Status
	tracker  *stages.Tracker
	archive  string
	stopped  chan bool // receives keepPods
	stopErr  error
	shutdown context.CancelFunc
}

func (d *fakeDaemon) Status(context.Context) Status               { return d.status }
func (d *fakeDaemon) Stages() *stages.Tracker                     { return d.tracker }
func (d *fakeDaemon) ListImages(context.Context) ([]Image, error) { return nil, nil }

func (d *fakeDaemon) Why(_ context.Context, r WhyRequest) (WhyReply, error) {
	if r.Object == nil {
		return WhyReply{}, errors.New("nothing is recorded yet")
	}
	return WhyReply{Incidents: json.RawMessage(`[{"severity":1}]`), Now: r.At, LastCause: json.RawMessage(`"` + r.Object.Name + `"`)}, nil
}

func (d *fakeDaemon) History(_ context.Context, r HistoryRequest) (HistoryReply, error) {
	return HistoryReply{State: json.RawMessage(`{"a":1}`), Time: r.At, Steps: []HistoryStep{{What: "created", Text: r.Object.Name}}}, nil
}

func (d *fakeDaemon) NodePools(_ context.Context, r NodePoolsRequest) (NodePoolsReply, error) {
	return NodePoolsReply{Nodes: []NodeVerdict{{Pool: r.Pool, Node: "n", State: "Ready"}}}, nil
}

func (d *fakeDaemon) ExportJournal(_ context.Context, w io.Writer, r ExportRequest) error {
	if !r.To.IsZero() {
		return errors.New("no journal")
	}
	_, err := io.WriteString(w, "records")
	if !r.From.IsZero() {
		return errors.New("the disk fails")
	}
	return err
}

func (d *fakeDaemon) ImportImages(_ context.Context, archive io.Reader) ([]Image, error) {
	data, err := io.ReadAll(archive)
	d.archive = string(data)
	if d.archive == "rubbish" {
		return nil, errors.New("import: not an image archive")
	}
	return []Image{{Name: "example.org/app:1", SizeBytes: int64(len(data))}}, err
}

func (d *fakeDaemon) Stop(ctx context.Context, keepPods bool) error {
	if d.shutdown != nil {
		d.shutdown() // as a daemon does: its own context ends while it answers
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.stopped != nil {
		d.stopped <- keepPods
	}
	return d.stopErr
}

// start serves daemon on a socket and returns a client for it.
func start(t *testing.T, daemon *fakeDaemon) *Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "run", "d.sock")
	listener, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	daemon.shutdown = cancel
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, listener, daemon) }()
	client := NewClient("/data", socket)
	t.Cleanup(func() {
		client.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is still there after Serve: %v", err)
		}
	})
	return client
}

func TestRoundTrip(t *testing.T) {
	daemon := &fakeDaemon{
		status:  Status{Version: "0.1", Ready: true, Components: []Component{{Name: "etcd", Health: HealthOK}}},
		stopped: make(chan bool, 1),
	}
	client := start(t, daemon)
	ctx := context.Background()

	status, err := client.Status(ctx)
	if err != nil || !status.Ready || len(status.Components) != 1 || status.Components[0].Name != "etcd" {
		t.Errorf("Status = %+v, %v", status, err)
	}
	images, err := client.ImportImages(ctx, strings.NewReader("archive"))
	if err != nil || len(images) != 1 || images[0].SizeBytes != 7 || daemon.archive != "archive" {
		t.Errorf("ImportImages = %+v, %v; the daemon read %q", images, err, daemon.archive)
	}
	images, err = client.ListImages(ctx)
	if err != nil || images == nil || len(images) != 0 {
		t.Errorf("ListImages = %#v, %v; want an empty list", images, err)
	}
	if err := client.Stop(ctx, true); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if keepPods := <-daemon.stopped; !keepPods {
		t.Error("keepPods was lost on the way")
	}
}

func TestDaemonErrorsReachTheClient(t *testing.T) {
	client := start(t, &fakeDaemon{stopErr: errors.New("pod default/x does not stop")})
	_, err := client.ImportImages(context.Background(), strings.NewReader("rubbish"))
	var remote *RemoteError
	if !errors.As(err, &remote) || remote.Message != "import: not an image archive" {
		t.Errorf("ImportImages = %v", err)
	}
	if err := client.Stop(context.Background(), false); err == nil || err.Error() != "pod default/x does not stop" {
		t.Errorf("Stop = %v", err)
	}
}

func TestQuestions(t *testing.T) {
	client := start(t, &fakeDaemon{})
	ctx := context.Background()
	at := time.Date(2026, 11, 24, 10, 42, 0, 0, time.UTC)
	why, err := client.Why(ctx, WhyRequest{Object: &Object{Kind: "Pod", Name: "x"}, At: at})
	if err != nil || string(why.Incidents) != `[{"severity":1}]` || !why.Now.Equal(at) || string(why.LastCause) != `"x"` {
		t.Errorf("Why = %+v, %v", why, err)
	}
	if _, err := client.Why(ctx, WhyRequest{}); err == nil || err.Error() != "nothing is recorded yet" {
		t.Errorf("Why = %v", err)
	}
	history, err := client.History(ctx, HistoryRequest{Object: Object{Kind: "Pod", Name: "x"}, At: at})
	if err != nil || string(history.State) != `{"a":1}` || !history.Time.Equal(at) || len(history.Steps) != 1 || history.Steps[0].Text != "x" {
		t.Errorf("History = %+v, %v", history, err)
	}
}

func TestExportIsWholeOrAnError(t *testing.T) {
	client := start(t, &fakeDaemon{})
	ctx := context.Background()
	var out strings.Builder
	if err := client.ExportJournal(ctx, &out, ExportRequest{}); err != nil || out.String() != "records" {
		t.Errorf("ExportJournal wrote %q, %v", out.String(), err)
	}
	if err := client.ExportJournal(ctx, io.Discard, ExportRequest{To: time.Now()}); err == nil || err.Error() != "no journal" {
		t.Errorf("ExportJournal = %v", err)
	}
	if err := client.ExportJournal(ctx, io.Discard, ExportRequest{From: time.Now()}); err == nil {
		t.Error("an export that was cut off is no error")
	}
}

func TestFollowStagesUntilTheStartIsOver(t *testing.T) {
	tracker := stages.New()
	client := start(t, &fakeDaemon{tracker: tracker})
	tracker.Begin("datastore ready")(nil)

	var names []string
	err := client.FollowStages(context.Background(), func(stage stages.Stage) error {
		names = append(names, stage.Name)
		if len(names) == 1 { // only now: the stream is live, not a snapshot
			tracker.Begin("API server ready")(errors.New("no"))
			tracker.Done()
		}
		return nil
	})
	if err != nil || strings.Join(names, ",") != "datastore ready,API server ready" {
		t.Errorf("followed %q, %v", names, err)
	}
}

func TestFollowStagesTellsAnEarlyEnd(t *testing.T) {
	tracker := stages.New()
	daemon := &fakeDaemon{tracker: tracker}
	client := start(t, daemon)
	tracker.Begin("datastore ready")(nil)
	err := client.FollowStages(context.Background(), func(stages.Stage) error {
		daemon.shutdown()
		return nil
	})
	if !errors.Is(err, ErrStartCutOff) {
		t.Errorf("FollowStages = %v, want ErrStartCutOff", err)
	}
}

func TestNothingListens(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "dead.sock")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	listener.Close() // leaves the file, as a killed daemon does

	for _, socket := range []string{dead, filepath.Join(dir, "none.sock"), filepath.Join(dead, "below-a-file.sock")} {
		_, err := NewClient("/var/lib/bulkhead", socket).Status(context.Background())
		want := "no daemon is running for --data-dir /var/lib/bulkhead; start one with `bulkhead up`"
		if !errors.Is(err, ErrNotRunning) || err.Error() != want {
			t.Errorf("%s: %v, want %s", filepath.Base(socket), err, want)
		}
	}
	if _, err := Listen(dead); err != nil {
		t.Errorf("Listen does not replace a dead socket: %v", err)
	}
}

func TestSocketIsForItsOwnerAlone(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "d.sock")
	listener, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	info, err := os.Stat(socket)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("socket's mode is %o, want 600", mode)
	}
}

func TestStatusGivesUpWithItsContext(t *testing.T) {
	client := start(t, &fakeDaemon{})
	ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	if _, err := client.Status(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Status = %v, want the context's error", err)
	}
}
