package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/renameio/v2"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	"k8s.io/component-base/metrics/legacyregistry"

	"github.com/bulkhead-k8s/bulkhead/api/v1alpha1/crds"
	"github.com/bulkhead-k8s/bulkhead/internal/admin"
	"github.com/bulkhead-k8s/bulkhead/internal/answer"
	"github.com/bulkhead-k8s/bulkhead/internal/attach"
	"github.com/bulkhead-k8s/bulkhead/internal/config"
	"github.com/bulkhead-k8s/bulkhead/internal/incident"
	"github.com/bulkhead-k8s/bulkhead/internal/incident/metrics"
	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/kube"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/addons/apply"
	"github.com/bulkhead-k8s/bulkhead/internal/kube/pki"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/intake"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/objects"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/relay"
)

// diagnosis is the log-book with what writes it and what reads it.
//
//	watcher, node, agents -> intake -> journal
//	                                -> controller -> Incidents, webhooks
//	                                              -> containment -> Brakes
type diagnosis struct {
	journal    *journal.Journal
	intake     *intake.Intake
	watcher    *objects.Watcher
	controller *incident.Controller
	webhooks   *incident.Webhooks
	api        *incident.API
	answerer   *answer.Answerer
	agents     *relay.Receiver
	// containment is nil if it is disabled.
	containment *attach.Containment
}

// diagnosisWait is how long the diagnosis leaves the machine to the cluster's start at
// most. It misses nothing: it lists what is there.
const diagnosisWait = 20 * time.Second

// startDiagnosis runs it in the work tier. That it cannot run does not end the
// cluster: `bulkhead status` and `bulkhead why` say so.
func (d *Daemon) startDiagnosis(options *kube.Options) {
	if !d.config.Enabled(config.ComponentDiagnosis) || d.config.Simulate {
		d.leaveCores()
	}
	if !d.config.Enabled(config.ComponentDiagnosis) {
		return
	}
	d.work.Go("diagnosis", func(ctx context.Context) error {
		select {
		case <-d.ready:
		case <-time.After(diagnosisWait):
		case <-ctx.Done():
			return nil
		}
		if err := d.diagnose(ctx, options.RESTConfig(pki.Bulkhead)); err != nil {
			slog.Error("the diagnosis does not run", "err", err)
			d.mu.Lock()
			d.diagnosisErr = err
			d.mu.Unlock()
		}
		<-ctx.Done()
		return nil
	})
}

// diagnose runs until ctx ends, and ends in the order of the data: what observes,
// what decides, the journal.
func (d *Daemon) diagnose(ctx context.Context, access *rest.Config) error {
	g, err := newDiagnosis(d.config, access)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.diagnosis = g
	d.mu.Unlock()
	var sources, others sync.WaitGroup
	summaries, endSummaries := context.WithCancel(context.WithoutCancel(ctx))
	defer endSummaries()
	sources.Go(func() { _ = g.watcher.Run(ctx) })
	sources.Go(func() { _ = g.webhooks.Run(ctx) })
	sources.Go(func() {
		if err := g.install(ctx); err != nil {
			slog.Error("incidents cannot be written", "err", err)
			return
		}
		_ = g.controller.Run(ctx)
	})
	if g.containment != nil {
		sources.Go(func() { g.containment.Run(ctx) })
	}
	if !d.config.Simulate {
		sources.Go(func() { d.observeNode(ctx, access, g.intake, g.watcher.OwnersOf) })
	}
	others.Go(func() { g.intake.Run(summaries) })
	sources.Wait()
	endSummaries()
	others.Wait()
	if err := g.journal.Close(); err != nil {
		slog.Error("the journal is not whole", "err", err)
	}
	return nil
}

func newDiagnosis(c *config.Config, access *rest.Config) (*diagnosis, error) {
	key, err := hashKey(filepath.Join(c.DataDir, "config", "journal-hash.key"))
	if err != nil {
		return nil, err
	}
	g := &diagnosis{webhooks: incident.NewWebhooks(c.IncidentWebhooks)}
	if g.journal, err = journal.Open(c.JournalDir(), journal.Options{
		MaxBytes: c.JournalMaxBytes(), MaxAge: c.JournalMaxAge,
		OnDamage: func(damage *journal.Damage) { slog.Error("the journal is damaged", "err", damage) },
	}); err != nil {
		return nil, err
	}
	if c.Enabled(config.ComponentContainment) {
		if g.containment, err = attach.NewContainment(access, func(r record.Record) { _ = g.intake.Append(r) }); err != nil { // what is full counts by itself
			return nil, errors.Join(err, g.journal.Close())
		}
	}
	if err := g.connect(access, key); err != nil {
		return nil, errors.Join(err, g.journal.Close())
	}
	return g, nil
}

// connect makes what stands between the cluster and the journal.
func (g *diagnosis) connect(access *rest.Config, key []byte) error {
	var err error
	if g.api, err = incident.NewAPI(access); err != nil {
		return err
	}
	ready := make(chan struct{})
	meter := metrics.New()
	o := incident.Options{Store: g.api, Announce: g.api.Announce, Notify: g.webhooks.Notify, Meter: meter, Ready: ready}
	if g.containment != nil {
		o.Observe = g.containment.Observe
		legacyregistry.RawMustRegister(g.containment.Collectors()...)
	}
	g.controller = incident.New(o)
	kept, err := lastRecord(g.journal)
	if err != nil {
		return err
	}
	if g.intake, err = intake.New(intake.Options{Journal: g.journal, Live: g.controller, HashKey: key, Kept: kept}); err != nil {
		return err
	}
	if err := g.recall(); err != nil {
		return err
	}
	if g.watcher, err = objects.New(objects.Options{Config: access, To: withPulls{g.intake}, SecretKey: key}); err != nil {
		return err
	}
	g.agents = relay.NewReceiver(relay.ReceiverOptions{
		To: g.intake, Journal: g.journal, Owners: g.watcher.OwnersOf, NodeOf: g.watcher.NodeOf,
	})
	go func() {
		<-g.watcher.Ready()
		close(ready)
	}()
	g.answerer = &answer.Answerer{Journal: g.journal, Present: g.controller, Notes: g.problems}
	legacyregistry.RawMustRegister(append(meter.Collectors(), g.collectors()...)...)
	return nil
}

// install applies the kind Incident.
func (g *diagnosis) install(ctx context.Context) error {
	crd, err := crds.JSON("incidents")
	if err != nil {
		return err
	}
	return apply.Retry(ctx, "incidents", func(ctx context.Context) error { return g.api.Install(ctx, crd) })
}

// lastRecord is the time of the newest record; zero if there is none.
func lastRecord(j *journal.Journal) (time.Time, error) {
	for r, err := range j.Query(context.Background(), journal.Filter{Reverse: true, Limit: 1}) {
		if err != nil {
			return time.Time{}, fmt.Errorf("read the journal: %w", err)
		}
		return r.Time, nil
	}
	return time.Time{}, nil
}

// hashKey is the key that Secrets' values are hashed with. Who has the journal but
// not this file can try no passwords.
func hashKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if err == nil && len(key) == 32 {
		return key, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the journal's hash key: %w", err)
	}
	key = make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("write the journal's hash key: %w", err)
	}
	if err := renameio.WriteFile(path, key, 0o600); err != nil {
		return nil, fmt.Errorf("write the journal's hash key: %w", err)
	}
	return key, nil
}

// problems are what cannot be observed or kept now.
func (g *diagnosis) problems() []string {
	var out []string
	for _, s := range g.watcher.Status() {
		if s.Problem != "" {
			out = append(out, s.Kind+" is not watched: "+s.Problem)
		}
	}
	if err := g.journal.Health(); err != nil {
		out = append(out, "the journal cannot write: "+err.Error())
	}
	return out
}

func (g *diagnosis) status() *admin.Diagnosis {
	s := g.journal.Stats()
	out := &admin.Diagnosis{JournalBytes: s.Bytes, Records: s.Records, Problems: g.problems()}
	for _, in := range g.controller.Incidents() {
		if in.Status.Closed == nil {
			out.OpenIncidents++
		}
	}
	return out
}

// collectors are the journal's metrics.
func (g *diagnosis) collectors() []prometheus.Collector {
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
	}
	counter := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, f)
	}
	return []prometheus.Collector{
		gauge("bulkhead_journal_bytes", "Size of the journal on disk.", func() float64 { return float64(g.journal.Stats().Bytes) }),
		gauge("bulkhead_journal_records", "Records in the journal.", func() float64 { return float64(g.journal.Stats().Records) }),
		counter("bulkhead_journal_written_total", "Records written to the journal.", func() float64 { return float64(g.journal.Stats().Written) }),
		counter("bulkhead_records_thinned_total", "Records that are in summaries only.", func() float64 { return float64(g.intake.Stats().Thinned) }),
		counter("bulkhead_records_lost_total", "Records that the journal had no room for.", func() float64 { return float64(g.intake.Stats().Lost) }),
	}
}

// answers is what answers questions about the log-book.
func (d *Daemon) answers() (*diagnosis, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.diagnosis != nil:
		return d.diagnosis, nil
	case !d.config.Enabled(config.ComponentDiagnosis):
		return nil, errors.New("the diagnosis is disabled (--disable diagnosis)")
	case d.diagnosisErr != nil:
		return nil, fmt.Errorf("the diagnosis does not run: %w", d.diagnosisErr)
	}
	return nil, errors.New("the diagnosis has not started yet")
}

// Why says what failed first.
func (d *Daemon) Why(ctx context.Context, r admin.WhyRequest) (admin.WhyReply, error) {
	g, err := d.answers()
	if err != nil {
		return admin.WhyReply{}, err
	}
	return g.answerer.Why(ctx, r)
}

// History tells how an object was.
func (d *Daemon) History(ctx context.Context, r admin.HistoryRequest) (admin.HistoryReply, error) {
	g, err := d.answers()
	if err != nil {
		return admin.HistoryReply{}, err
	}
	return g.answerer.History(ctx, r)
}

// ExportJournal writes records as compressed JSON lines.
func (d *Daemon) ExportJournal(ctx context.Context, w io.Writer, r admin.ExportRequest) error {
	g, err := d.answers()
	if err != nil {
		return err
	}
	_, err = g.journal.Export(ctx, w, journal.Filter{From: r.From, To: r.To})
	return err
}
