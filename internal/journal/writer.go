package journal

import (
	"fmt"
	"os"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/block"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// batchRecords is how many records are written as one block at most.
const batchRecords = 1024

// writer is the goroutine that writes the log. What it has is its own.
type writer struct {
	*Journal
	file    *os.File
	size    int64 // of what is whole in file
	builder block.Builder
	frame   []byte
	written uint64 // records of those taken
	dirty   bool   // since the last fsync
	lastly  time.Time
	sealed  chan struct{} // closed once sealing is done; nil if there is none
}

func newWriter(j *Journal) *writer { return &writer{Journal: j, size: j.logBytes[j.active.number]} }

func (w *writer) run() {
	defer func() {
		if w.file != nil {
			w.file.Close()
		}
		if w.sealed != nil {
			<-w.sealed
		}
	}()
	if w.sealing != nil {
		w.startSealing()
	}
	clean := time.NewTicker(time.Hour)
	defer clean.Stop()
	w.removeOld()
	w.mergeIfDue()
	for {
		timer := time.NewTimer(w.nextSync())
		select {
		case <-w.wake:
			w.gather()
		case <-timer.C:
		case <-clean.C:
			w.removeOld()
		case <-w.closing:
			timer.Stop()
			w.writeAll()
			w.sync()
			return
		}
		timer.Stop()
		w.writeAll()
		w.syncIfDue()
	}
}

// nextSync is how long the writer may sleep.
func (w *writer) nextSync() time.Duration {
	if !w.dirty {
		return time.Hour
	}
	return max(0, w.opts.SyncEvery-time.Since(w.lastly))
}

// gather waits a moment for more records, unless there are many or somebody waits.
func (w *writer) gather() {
	w.mu.RLock()
	enough := w.wantSync || len(w.pending) >= batchRecords
	w.mu.RUnlock()
	if !enough {
		w.pause(w.opts.FlushEvery)
	}
}

// pause waits; it says whether the journal is still open.
func (w *writer) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-w.closing:
		return false
	}
}

// writeAll writes what is pending.
func (w *writer) writeAll() {
	for {
		w.mu.RLock()
		batch := w.pending[:min(batchRecords, len(w.pending))]
		w.mu.RUnlock()
		if len(batch) == 0 {
			return
		}
		raw, kept := w.encode(batch)
		if len(kept) > 0 && !w.retry(&w.logHealth, func() error { return w.write(raw) }) {
			return // closing; they stay pending and Close says so
		}
		w.publish(batch, kept, raw)
		if w.active.records >= w.opts.SegmentRecords || w.active.bytes >= w.opts.SegmentBytes {
			w.rotate()
		}
		w.syncIfDue()
	}
}

// encode makes a block. Records that cannot be encoded are left out and counted;
// a source that makes such is a mistake in the program.
func (w *writer) encode(batch []record.Record) (raw []byte, kept []record.Record) {
	kept = batch
	for i := range batch {
		if err := w.builder.Add(&batch[i]); err != nil {
			if len(kept) == len(batch) {
				kept = append([]record.Record(nil), batch[:i]...)
			}
			w.mu.Lock()
			w.stats.Invalid++
			w.mu.Unlock()
		} else if len(kept) < len(batch) {
			kept = append(kept, batch[i])
		}
	}
	return w.builder.Finish(nil), kept
}

// retry does what may fail for want of disk until it succeeds. Meanwhile Health
// says why. It gives up if the journal is closed.
func (w *writer) retry(health *error, do func() error) bool {
	for {
		err := do()
		w.setHealth(health, err)
		if err == nil {
			return true
		}
		if !w.pause(w.opts.RetryEvery) {
			return false
		}
	}
}

func (w *writer) setHealth(health *error, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if *health == nil && err == nil {
		return
	}
	*health = err
	w.broadcast()
}

// write appends a frame to the log. If it fails the log is cut back, so that
// no half frame stays within it.
func (w *writer) write(raw []byte) error {
	if w.file == nil {
		f, err := os.OpenFile(w.path(w.active.number, logExt), os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("write journal: %w", err)
		}
		if err := syncDir(w.dir); err != nil {
			f.Close()
			return fmt.Errorf("write journal: %w", err)
		}
		w.file = f
	}
	w.frame = appendFrame(w.frame[:0], w.codec.fast, raw)
	if _, err := w.file.WriteAt(w.frame, w.size); err != nil {
		w.file.Truncate(w.size) //nolint:errcheck // the next write starts there again, and opening cuts it off
		return fmt.Errorf("write journal: %w", err)
	}
	w.size += int64(len(w.frame))
	return nil
}

// publish makes written records visible.
func (w *writer) publish(batch, kept []record.Record, raw []byte) {
	g, err := &growth{}, error(nil)
	if len(kept) > 0 {
		g, err = w.active.prepare(kept, raw)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		if len(kept) > 0 {
			w.active.commit(g)
		}
	} else {
		// The block was made a moment ago: memory is broken, or the program.
		w.logHealth = fmt.Errorf("keep records in memory: %w", err)
	}
	w.pending = w.pending[len(batch):]
	if len(w.pending) == 0 {
		w.pending = nil
	}
	w.logBytes[w.active.number] = w.size
	w.written += uint64(len(batch))
	w.stats.Written += uint64(len(kept))
	w.dirty = true
	for s := range w.subs {
		s.offer(kept)
	}
}

func (w *writer) syncIfDue() {
	w.mu.RLock()
	due := w.wantSync && len(w.pending) == 0
	w.mu.RUnlock()
	if due || w.dirty && time.Since(w.lastly) >= w.opts.SyncEvery {
		w.sync()
	}
}

// sync makes what is written safe.
func (w *writer) sync() {
	if w.dirty && w.file != nil {
		if err := w.file.Sync(); err != nil {
			w.setHealth(&w.logHealth, fmt.Errorf("write journal: %w", err))
			if !w.retry(&w.logHealth, w.rewrite) {
				return
			}
		}
	}
	w.dirty, w.lastly = false, time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.synced = w.written
	if w.synced == w.taken {
		w.wantSync = false
	}
	w.broadcast()
}

// rewrite writes the log anew from memory. After a failed fsync the kernel may
// have dropped what was written, and a second fsync would not say so.
func (w *writer) rewrite() error {
	raws, err := w.active.raws()
	if err != nil {
		return err
	}
	path := w.path(w.active.number, logExt)
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return fmt.Errorf("write journal anew: %w", err)
	}
	size := int64(0)
	for _, raw := range raws {
		w.frame = appendFrame(w.frame[:0], w.codec.fast, raw)
		if _, err = f.Write(w.frame); err != nil {
			break
		}
		size += int64(len(w.frame))
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = syncDir(w.dir)
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("write journal anew: %w", err)
	}
	if w.file != nil {
		w.file.Close()
	}
	w.file, w.size = f, size
	return nil
}
