package journal

import (
	"os"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/block"
)

// rotate ends the log and has it sealed. If the one before is not sealed yet, as
// on a full disk, the writer waits: so memory stays bounded.
func (w *writer) rotate() {
	if w.sealed != nil {
		select {
		case <-w.sealed:
		case <-w.closing:
			return // the log grows; it is sealed when the journal is opened again
		}
	}
	w.sync()
	if w.file != nil {
		w.file.Close()
		w.file = nil
	}
	w.mu.Lock()
	w.sealing, w.active = w.active, newMemtable(w.active.number+1)
	w.size = 0
	w.mu.Unlock()
	w.startSealing()
}

// startSealing writes the full memtable as a segment, beside the writer.
func (w *writer) startSealing() {
	done := make(chan struct{})
	w.sealed = done
	m := w.sealing
	w.running.Go(func() {
		defer close(done)
		var s *segment
		if !w.retry(&w.sealHealth, func() (err error) {
			s, err = w.writeSegment(m, segmentExt)
			return err
		}) {
			return
		}
		w.mu.Lock()
		w.segments = append(w.segments, s)
		w.sealing = nil
		delete(w.logBytes, m.number)
		w.mu.Unlock()
		// If it stays, it is removed when the journal is opened.
		os.Remove(w.path(m.number, logExt))
		w.removeOld()
		w.mergeIfDue()
	})
}

// removeOld removes the oldest segments while the journal is too large, and all
// whose newest record is too old.
func (j *Journal) removeOld() {
	oldest := int64(-1 << 63)
	if j.opts.MaxAge > 0 {
		oldest = block.Nanos(j.opts.Now().Add(-j.opts.MaxAge))
	}
	j.mu.Lock()
	total := int64(0)
	for _, s := range j.segments {
		total += s.bytes
	}
	for _, n := range j.logBytes {
		total += n
	}
	var gone, kept []*segment
	for _, s := range j.segments {
		if total > j.opts.MaxBytes || s.Newest < oldest {
			total -= s.bytes
			gone = append(gone, s)
			j.stats.Removed += uint64(s.Records)
			continue
		}
		kept = append(kept, s)
	}
	j.segments = kept
	j.mu.Unlock()
	for _, s := range gone {
		s.refs.Add(1)
		s.gone.Store(true)
		s.release() // whoever reads it reads on
	}
}
