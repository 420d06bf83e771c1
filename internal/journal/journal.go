package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/gofrs/flock"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// Journal is an open journal. Its methods may be used by many goroutines.
type Journal struct {
	dir     string
	opts    Options
	codec   *codec
	lock    *flock.Flock
	closing chan struct{}
	wake    chan struct{} // the writer has something to do
	running sync.WaitGroup

	// mu guards what follows. It is held for moments, never while a file is
	// read or written.
	mu       sync.RWMutex
	closed   bool
	pending  []record.Record
	taken    uint64 // records ever handed over
	synced   uint64 // of them, safe on disk
	wantSync bool
	moved    chan struct{} // closed and replaced whenever synced or health changes
	// logHealth and sealHealth are why the log and segments cannot be written.
	logHealth, sealHealth error
	segments              []*segment // oldest first
	sealing               *memtable  // full, being written as a segment
	active                *memtable
	merging               bool
	logBytes              map[uint64]int64 // by number
	subs                  map[*subscription]struct{}
	stats                 Stats
}

// Stats says what a journal holds and what became of what it was given.
type Stats struct {
	Records  int   // kept
	Bytes    int64 // on disk
	Segments int
	Queued   int
	// Written, Refused, Invalid and Removed count records since the journal was
	// opened: those written, those not taken for want of room (and perhaps given
	// again), those that cannot be encoded, those removed for size or age.
	Written, Refused, Invalid, Removed uint64
	// Damaged counts damaged parts that were found, with their bytes.
	Damaged      int
	DamagedBytes int64
}

// Open opens the journal in dir, and makes it if there is none. A damaged tail of
// the log is cut off. It returns ErrLocked if another process has it open.
func Open(dir string, opts Options) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	switch locked, err := lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("lock journal %s: %w", dir, err)
	case !locked:
		return nil, fmt.Errorf("open journal %s: %w", dir, ErrLocked)
	}
	codec, err := newCodec()
	if err != nil {
		lock.Close()
		return nil, err
	}
	j := &Journal{
		dir: dir, opts: opts.complete(), codec: codec, lock: lock,
		closing: make(chan struct{}), wake: make(chan struct{}, 1), moved: make(chan struct{}),
		logBytes: map[uint64]int64{}, subs: map[*subscription]struct{}{},
	}
	w, err := j.load()
	if err != nil {
		codec.close()
		lock.Close()
		return nil, fmt.Errorf("open journal %s: %w", dir, err)
	}
	j.running.Go(w.run)
	return j, nil
}

// Append hands records over; it does not wait for the disk. It takes all of them
// or, with ErrQueueFull or ErrClosed, none. The records must not be changed
// afterwards.
func (j *Journal) Append(records ...record.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return ErrClosed
	}
	if len(j.pending)+len(records) > j.opts.Queue {
		j.stats.Refused += uint64(len(records))
		if err := j.health(); err != nil {
			return fmt.Errorf("%w: %w", ErrQueueFull, err)
		}
		return ErrQueueFull
	}
	j.pending = append(j.pending, records...)
	j.taken += uint64(len(records))
	j.signal()
	return nil
}

// Sync waits until all that was handed over before is safe on disk. While the
// journal cannot write, it waits for ctx; its error then says why.
func (j *Journal) Sync(ctx context.Context) error {
	j.mu.Lock()
	target := j.taken
	for j.synced < target {
		if j.closed {
			j.mu.Unlock()
			return ErrClosed
		}
		j.wantSync = true
		j.signal()
		moved := j.moved
		j.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), j.Health())
		}
		j.mu.Lock()
	}
	j.mu.Unlock()
	return nil
}

// Health is why the journal cannot write now, or nil.
func (j *Journal) Health() error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.health()
}

func (j *Journal) health() error { return cmp.Or(j.logHealth, j.sealHealth) }

// Stats are the present figures.
func (j *Journal) Stats() Stats {
	j.mu.RLock()
	defer j.mu.RUnlock()
	s := j.stats
	s.Segments, s.Queued = len(j.segments), len(j.pending)
	for _, seg := range j.segments {
		s.Bytes += seg.bytes
		s.Records += seg.Records
	}
	for _, n := range j.logBytes {
		s.Bytes += n
	}
	for _, m := range []*memtable{j.sealing, j.active} {
		if m != nil {
			s.Records += m.records
		}
	}
	return s
}

// Close writes what was handed over, if that is possible at once, and ends
// followers. It returns an error if something could not be written.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return ErrClosed
	}
	j.closed = true
	close(j.closing)
	j.mu.Unlock()
	j.running.Wait()
	j.mu.Lock()
	var err error
	if j.synced < j.taken {
		err = fmt.Errorf("close journal: %d records were not written: %w", j.taken-j.synced, j.health())
	}
	j.broadcast()
	j.mu.Unlock()
	j.codec.close()
	return errors.Join(err, j.lock.Close())
}

// signal wakes the writer.
func (j *Journal) signal() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// broadcast tells those who wait that something has changed; mu is held.
func (j *Journal) broadcast() {
	close(j.moved)
	j.moved = make(chan struct{})
}

// damaged notes a damaged part.
func (j *Journal) damaged(d *Damage) {
	j.mu.Lock()
	j.stats.Damaged++
	j.stats.DamagedBytes += d.Bytes
	j.mu.Unlock()
	j.opts.OnDamage(d)
}

func (j *Journal) path(number uint64, ext string) string {
	return filepath.Join(j.dir, fmt.Sprintf("%016d%s", number, ext))
}
