package relay

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// SenderOptions of a Sender. Post has no default.
type SenderOptions struct {
	// Post brings a batch to the server. It returns nil once the server has it on
	// disk, ErrUnreadable if it never will, ErrNoJournal if it has no journal; after
	// any other error the same batch is posted again.
	Post func(ctx context.Context, id ID, body []byte) error
	// Queue is how many records wait at most. Default 8,192.
	Queue int
	// Gather is how long the first record of a batch waits for others, Pause the
	// least time between two batches. Defaults 100 ms and 500 ms.
	Gather, Pause time.Duration
	// FirstRetry and LastRetry are how long a batch that was not taken waits, doubled
	// each time. Defaults 500 ms and 15 s.
	FirstRetry, LastRetry time.Duration
	// Log is for what becomes of the server. Default slog's.
	Log *slog.Logger
}

// lastWords is how long a sender that ends tries to send what it has. The daemon
// waits not much longer for what works.
const lastWords = 3 * time.Second

func (o *SenderOptions) complete() {
	set(&o.Queue, 8192)
	set(&o.Gather, 100*time.Millisecond)
	set(&o.Pause, 500*time.Millisecond)
	set(&o.FirstRetry, 500*time.Millisecond)
	set(&o.LastRetry, 15*time.Second)
	if o.Log == nil {
		o.Log = slog.Default()
	}
}

func set[T comparable](v *T, standard T) {
	var zero T
	if *v == zero {
		*v = standard
	}
}

// Sender takes an agent's records and brings them to the server, in their order.
type Sender struct {
	opts    SenderOptions
	queue   *queue
	thinner *journal.Thinner
	id      ID     // of the last batch
	batch   *batch // the last one, while it is not settled

	mu    sync.Mutex
	away  error // why the server takes nothing now
	stats SenderStats
}

// SenderStats say what became of records.
type SenderStats struct {
	// Sent are on the server's disk, Waiting are not yet.
	Sent    uint64
	Waiting int
	// Thinned are in summaries only, Lost had no room, Dropped the server cannot
	// read, or has no journal for.
	Thinned, Lost, Dropped uint64
}

var _ journal.Appender = (*Sender)(nil)

// NewSender makes a sender; Run sends.
func NewSender(o SenderOptions) *Sender {
	o.complete()
	q := &queue{most: o.Queue, filled: make(chan struct{}, 1)}
	return &Sender{opts: o, queue: q, thinner: journal.NewThinner(q, journal.ThinnerOptions{}), id: ID{Stream: rand.Text()}}
}

// Append takes records. Repetitions are summarised, as is what there is no room for.
// While the server does not answer, reports of core dumps are refused: who has them
// keeps them on disk, and gives them again.
func (s *Sender) Append(records ...record.Record) error {
	var take []record.Record
	away := s.Away()
	for _, r := range records {
		if away == nil || r.Type() != record.TypeCoreDump {
			take = append(take, r)
		}
	}
	err := s.thinner.Append(take...)
	if len(take) < len(records) {
		err = errors.Join(err, ErrAway)
	}
	return err
}

// Away is why the server takes no records now; nil if it does, or was not asked yet.
func (s *Sender) Away() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.away
}

// Stats are the present figures.
func (s *Sender) Stats() SenderStats {
	t := s.thinner.Stats()
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	stats.Waiting, stats.Thinned, stats.Lost = s.queue.len(), t.Thinned, t.Lost
	return stats
}

// Run sends until ctx ends, and then, for a few seconds, what is left.
func (s *Sender) Run(ctx context.Context) {
	var thinning sync.WaitGroup
	thinning.Go(func() { s.thinner.Run(ctx) })
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-s.queue.filled:
			sleep(ctx, s.opts.Gather)
			s.send(ctx)
			sleep(ctx, s.opts.Pause)
		}
	}
	thinning.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	s.send(last)
}

// send brings all that waits to the server, or ends with ctx.
func (s *Sender) send(ctx context.Context) {
	for s.next() && s.deliver(ctx) {
		s.queue.drop(0, s.batch.records)
		s.batch = nil
	}
}

// batch is the queue's first records, as they are sent.
type batch struct {
	body    []byte
	records int
}

// next makes a batch, unless the last is not settled: what has a number stays as it
// is. It says whether there is one.
func (s *Sender) next() bool {
	for s.batch == nil {
		records := s.queue.first(batchRecords)
		if len(records) == 0 {
			return false
		}
		body, n, err := encode(records)
		if err != nil { // a mistake in the program: no other record shall wait for it
			s.opts.Log.Error("a record cannot be sent", "err", err)
			s.dropped(1, nil)
			s.queue.drop(n, n+1)
			continue
		}
		s.id.Number++
		s.batch = &batch{body, n}
	}
	return true
}

// deliver posts one batch until it is settled; false if ctx ended before.
func (s *Sender) deliver(ctx context.Context) bool {
	n := s.batch.records
	for wait := s.opts.FirstRetry; ; wait = min(2*wait, s.opts.LastRetry) {
		err := s.opts.Post(ctx, s.id, s.batch.body)
		switch {
		case err == nil:
			s.arrived(n)
			return true
		case errors.Is(err, ErrUnreadable):
			s.opts.Log.Error("the server cannot read records", "records", n, "err", err)
			s.dropped(n, nil)
			return true
		case errors.Is(err, ErrNoJournal):
			s.dropped(n, err)
			sleep(ctx, s.opts.LastRetry)
			return true
		case ctx.Err() != nil:
			return false
		}
		s.failed(err)
		sleep(ctx, wait)
	}
}

func (s *Sender) arrived(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away != nil {
		s.opts.Log.Info("the server takes this node's records again")
	}
	s.away = nil
	s.stats.Sent += uint64(n)
}

func (s *Sender) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away == nil {
		s.opts.Log.Warn("the server takes none of this node's records now; they wait", "err", err)
	}
	s.away = err
}

func (s *Sender) dropped(n int, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Dropped += uint64(n)
	if why != nil && s.away == nil {
		s.opts.Log.Info("what is observed here is not kept", "why", why)
	}
	s.away = why
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
