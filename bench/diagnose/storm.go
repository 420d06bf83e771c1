package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1"
	"github.com/bulkhead-k8s/bulkhead/internal/daemon/heap"
	"github.com/bulkhead-k8s/bulkhead/internal/incident"
	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/intake"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/objects"
)

const stormHelp = `Run what the daemon runs to observe and to diagnose (watcher, journal, incidents) on
a made cluster, which another process serves as an API server does: streamed lists and
watches in protobuf. Then Events and changed pods come at --rate a second; in the
midst of it, all pods of one Deployment abort. Printed are the time until its Incident
names it, and what this process took.

Exit code 1 if the incident does not come within a minute, or lacks the cause.`

const (
	stormTarget = 10 * time.Second
	stormMemory = 500 // MB
)

type stormFlags struct {
	nodes, pods, rate int
	warm, last        time.Duration
	profiles          string
}

func stormCommand() *cobra.Command {
	f := &stormFlags{}
	c := &cobra.Command{Use: "storm", Short: "Time the first cause in a large cluster during a storm of Events", Long: stormHelp, Args: cobra.NoArgs}
	c.Flags().IntVar(&f.nodes, "nodes", 5000, "nodes")
	c.Flags().IntVar(&f.pods, "pods", 100_000, "pods")
	c.Flags().IntVar(&f.rate, "rate", 5000, "Events and changed pods a second, nine to one")
	c.Flags().DurationVar(&f.warm, "warm", 30*time.Second, "storm before the crash")
	c.Flags().DurationVar(&f.last, "last", 30*time.Second, "storm after the verdict")
	c.Flags().StringVar(&f.profiles, "profiles", "", "write profiles of the processor time and of the memory at its end into this folder, for go tool pprof")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		// As the daemon has it once it has started.
		heap.Starting().Started()
		return f.run(cmd.Context(), cmd.OutOrStdout())
	}
	return c
}

func (f *stormFlags) run(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	slog.SetLogLoggerLevel(slog.LevelWarn)
	url, err := f.serve(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bulkhead-storm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d, err := startDaemonParts(ctx, url, dir)
	if err != nil {
		return err
	}
	defer d.stop(cancel)
	stop, err := f.profile()
	if err != nil {
		return err
	}
	defer stop()
	idle := usageNow()
	start := time.Now()
	select {
	case <-d.watcher.Ready():
	case <-time.After(10 * time.Minute):
		return errors.New("the cluster was not listed within ten minutes")
	}
	d.meter.reset()
	fmt.Fprintf(out, "%d nodes, %d pods listed in %s; %s, peak memory %d MB\n", f.nodes, f.pods, time.Since(start).Round(10*time.Millisecond), usageNow().since(idle), peakMB())

	before := usageNow()
	if _, err := call(url + "/begin-storm"); err != nil {
		return err
	}
	time.Sleep(f.warm)
	fmt.Fprintf(out, "storm of %d/s for %s: %s, %d records taken, %d lost; %s\n", f.rate, f.warm, usageNow().since(before), d.meter.taken.Load(), d.meter.lost.Load(), d.meter.evaluations())

	at, err := call(url + "/begin-crash")
	if err != nil {
		return err
	}
	nanos, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return fmt.Errorf("read the crash's time: %w", err)
	}
	in, err := d.store.await(appOf(crashing, time.Time{}).name, time.Minute)
	if err != nil {
		return err
	}
	took := time.Since(time.Unix(0, nanos))
	fmt.Fprintf(out, "first cause named after %s (target %s): %s %s/%s, %s, confidence %.2f\n", took.Round(10*time.Millisecond), stormTarget,
		in.Status.FirstCause.Object.Kind, in.Status.FirstCause.Object.Namespace, in.Status.FirstCause.Object.Name, in.Status.FirstCause.Reason, in.Status.FirstCause.Confidence)
	time.Sleep(f.last)
	stats := d.journal.Stats()
	fmt.Fprintf(out, "in all %s, peak memory %d MB (target %d MB), %d records lost; %s; journal %.1f MB on disk\n", usageNow().since(idle), peakMB(), stormMemory, d.meter.lost.Load(), d.meter.evaluations(), float64(stats.Bytes)/1e6)
	return nil
}

// profile writes profiles, if they are wanted, until stop is called.
func (f *stormFlags) profile() (stop func(), err error) {
	if f.profiles == "" {
		return func() {}, nil
	}
	if err := os.MkdirAll(f.profiles, 0o755); err != nil {
		return nil, err
	}
	cpu, err := profiled(filepath.Join(f.profiles, "cpu.pprof"))
	if err != nil {
		return nil, err
	}
	return func() {
		cpu()
		runtime.GC() // so that it shows what is held
		if w, err := os.Create(filepath.Join(f.profiles, "heap.pprof")); err == nil {
			_ = pprof.WriteHeapProfile(w)
			w.Close()
		}
	}, nil
}

// serve starts the API server's process and gives its address.
func (f *stormFlags) serve(ctx context.Context) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, self, "storm-api", "--nodes", strconv.Itoa(f.nodes), "--apps", strconv.Itoa(f.pods/perApp), "--rate", strconv.Itoa(f.rate))
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil { // it ends when this closes
		return "", err
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("start the API server: %w", err)
	}
	line, err := bufio.NewReader(answers).ReadString('\n')
	return strings.TrimSpace(line), err
}

func call(url string) (string, error) {
	resp, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// daemonParts are what the daemon runs for the diagnosis, wired as there.
type daemonParts struct {
	journal *journal.Journal
	watcher *objects.Watcher
	intake  *intake.Intake
	store   *memoryStore
	meter   *meter
	running sync.WaitGroup
	ended   func()
}

func startDaemonParts(ctx context.Context, url, dir string) (*daemonParts, error) {
	d := &daemonParts{store: &memoryStore{wrote: make(chan v1alpha1.Incident, 1024)}, meter: &meter{}}
	var err error
	if d.journal, err = journal.Open(dir, journal.Options{}); err != nil {
		return nil, err
	}
	ready := make(chan struct{})
	controller := incident.New(incident.Options{Store: d.store, Meter: d.meter, Ready: ready})
	if d.intake, err = intake.New(intake.Options{Journal: d.journal, Live: controller}); err != nil {
		return nil, err
	}
	if d.watcher, err = objects.New(objects.Options{Config: &rest.Config{Host: url}, To: d.intake, LogLines: -1}); err != nil {
		return nil, err
	}
	d.running.Go(func() { _ = d.watcher.Run(ctx) })
	d.running.Go(func() { _ = controller.Run(ctx) })
	d.running.Go(func() {
		select {
		case <-d.watcher.Ready():
			close(ready)
		case <-ctx.Done():
		}
	})
	summaries, end := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() { d.intake.Run(summaries); close(done) }()
	d.ended = func() { end(); <-done }
	return d, nil
}

func (d *daemonParts) stop(cancel func()) {
	cancel()
	d.running.Wait()
	d.ended()
	d.journal.Close()
}

// memoryStore keeps Incidents where nobody else sees them.
type memoryStore struct{ wrote chan v1alpha1.Incident }

func (*memoryStore) List(context.Context) ([]v1alpha1.Incident, error) { return nil, nil }

func (s *memoryStore) Write(_ context.Context, in *v1alpha1.Incident) error {
	select {
	case s.wrote <- *in.DeepCopy():
	default:
	}
	return nil
}

func (*memoryStore) Delete(context.Context, *v1alpha1.Incident) error { return nil }

// await waits for an Incident whose first cause is the workload.
func (s *memoryStore) await(workload string, most time.Duration) (v1alpha1.Incident, error) {
	end := time.After(most)
	for {
		select {
		case in := <-s.wrote:
			if o := in.Status.FirstCause.Object; o.Name == workload || strings.HasPrefix(o.Name, workload+"-") {
				return in, nil
			}
		case <-end:
			return v1alpha1.Incident{}, fmt.Errorf("no Incident of %s within %s", workload, most)
		}
	}
}

// meter counts what the controller does.
type meter struct {
	taken, lost, verdicts, longest, all atomic.Int64
}

func (m *meter) Records(n, lost int) {
	m.taken.Add(int64(n))
	m.lost.Add(int64(lost))
}

func (m *meter) Evaluated(_ int, took time.Duration) {
	m.verdicts.Add(1)
	m.all.Add(int64(took))
	m.longest.Store(max(m.longest.Load(), int64(took)))
}

func (*meter) Opened(time.Duration) {}

func (m *meter) reset() {
	for _, n := range []*atomic.Int64{&m.taken, &m.lost, &m.verdicts, &m.longest, &m.all} {
		n.Store(0)
	}
}

func (m *meter) evaluations() string {
	n := max(1, m.verdicts.Load())
	return fmt.Sprintf("%d verdicts, of %s on average and %s at most", m.verdicts.Load(), time.Duration(m.all.Load()/n).Round(time.Millisecond), time.Duration(m.longest.Load()).Round(time.Millisecond))
}

// usage is what this process has taken.
type usage struct {
	at  time.Time
	cpu time.Duration
}

func usageNow() usage {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r) // it cannot fail for oneself
	return usage{time.Now(), time.Duration(r.Utime.Nano() + r.Stime.Nano())}
}

func (u usage) since(before usage) string {
	cpu, wall := u.cpu-before.cpu, u.at.Sub(before.at)
	return fmt.Sprintf("%.1f s of CPU, %.0f %% of a core", cpu.Seconds(), 100*cpu.Seconds()/wall.Seconds())
}

func peakMB() int64 {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r) // it cannot fail for oneself
	return r.Maxrss >> 10                          // Linux counts KiB
}
