package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/block"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

const (
	logExt     = ".wal"
	segmentExt = ".seg"
	mergedExt  = ".merged"
)

// load reads the folder: segments' indexes, and what the logs have into memory.
func (j *Journal) load() (*writer, error) {
	logs, segments, merged, err := j.files()
	if err != nil {
		return nil, err
	}
	if err := j.loadSegments(segments, merged); err != nil {
		return nil, err
	}
	next := uint64(1)
	if n := len(j.segments); n > 0 {
		next = j.segments[n-1].number + 1
	}
	for i, n := range logs {
		if slices.ContainsFunc(j.segments, func(s *segment) bool { return s.First <= n && n <= s.number }) {
			// It was sealed, and the end came before it was removed.
			if err := os.Remove(j.path(n, logExt)); err != nil {
				return nil, err
			}
			continue
		}
		next = max(next, n+1)
		m, size, err := j.readLog(n)
		if err != nil {
			return nil, err
		}
		j.logBytes[n] = size
		switch len(logs) - i {
		case 1:
			j.active = m
		case 2:
			j.sealing = m
		default: // more than this version leaves behind
			if err := j.sealNow(m); err != nil {
				return nil, err
			}
		}
	}
	if j.active == nil {
		j.active = newMemtable(next)
	}
	return newWriter(j), nil
}

// loadSegments opens segments, oldest first. A small one that is also part of a
// merged one is removed: the end came before that.
func (j *Journal) loadSegments(small, merged []uint64) error {
	for _, n := range merged {
		s, err := j.openOrRebuild(n, mergedExt)
		if err != nil {
			return err
		}
		s.large = true
		j.segments = append(j.segments, s)
	}
	whole := j.segments
	for _, n := range small {
		if slices.ContainsFunc(whole, func(s *segment) bool { return s.First <= n && n <= s.number }) {
			if err := os.Remove(j.path(n, segmentExt)); err != nil {
				return err
			}
			continue
		}
		s, err := j.openOrRebuild(n, segmentExt)
		if err != nil {
			return err
		}
		j.segments = append(j.segments, s)
	}
	slices.SortFunc(j.segments, func(a, b *segment) int { return cmp.Compare(a.number, b.number) })
	return nil
}

// files is the numbers of logs and segments, sorted. Half-written segments are
// removed: their logs are still there.
func (j *Journal) files() (logs, segments, merged []uint64, err error) {
	entries, err := os.ReadDir(j.dir)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		n, err := strconv.ParseUint(strings.TrimSuffix(e.Name(), ext), 10, 64)
		switch {
		case ext == ".tmp":
			if err := os.Remove(filepath.Join(j.dir, e.Name())); err != nil {
				return nil, nil, nil, err
			}
		case err != nil:
		case ext == logExt:
			logs = append(logs, n)
		case ext == segmentExt:
			segments = append(segments, n)
		case ext == mergedExt:
			merged = append(merged, n)
		}
	}
	slices.Sort(logs)
	slices.Sort(segments)
	slices.Sort(merged)
	return logs, segments, merged, nil
}

// readLog reads a log into memory and cuts off a damaged tail.
func (j *Journal) readLog(number uint64) (*memtable, int64, error) {
	path := j.path(number, logExt)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, err
	}
	m := newMemtable(number)
	end, err := j.readFrames(path, data, m)
	if err != nil {
		return nil, 0, err
	}
	if end < int64(len(data)) {
		if err := os.Truncate(path, end); err != nil {
			return nil, 0, fmt.Errorf("cut off the damaged tail: %w", err)
		}
	}
	return m, end, nil
}

// readFrames adds a file's blocks to a memtable and returns where they end.
func (j *Journal) readFrames(path string, data []byte, m *memtable) (int64, error) {
	var failed error
	end := j.codec.scan(data, func(raw []byte) {
		if err := m.load(raw); err != nil {
			failed = errors.Join(failed, err)
		}
	}, func(at, n int64) {
		j.damaged(&Damage{File: path, Offset: at, Bytes: n, Err: errDamaged})
	})
	return end, failed
}

// load adds a block of a log. Small ones are put together, so that a log of many
// small writes is as quick to search as another.
func (m *memtable) load(raw []byte) error {
	b, err := block.Parse(raw)
	if err != nil {
		if len(raw) > 0 && raw[0] == indexVersion {
			return nil // the index of a segment that is rebuilt
		}
		return err
	}
	var records []record.Record
	if b.Len() < tailRecords/2 {
		for i := range b.Len() {
			r, err := b.Record(i)
			if errors.Is(err, record.ErrUnknownType) {
				continue // a later version wrote it
			}
			if err != nil {
				return err
			}
			records = append(records, r)
		}
	} else {
		records = make([]record.Record, b.Len()) // only their number counts
	}
	g, err := m.prepare(records, raw)
	if err == nil {
		m.commit(g)
	}
	return err
}

// openOrRebuild opens a segment. If its index is damaged, the segment is written
// anew from the blocks that are whole.
func (j *Journal) openOrRebuild(number uint64, ext string) (*segment, error) {
	path := j.path(number, ext)
	s, err := openSegment(j.codec, path, number)
	if !errors.Is(err, errDamaged) && !errors.Is(err, fs.ErrInvalid) {
		return s, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := newMemtable(number)
	if _, err := j.readFrames(path, data, m); err != nil {
		return nil, err
	}
	// Which small ones a merged one stood for is lost with its index; those that
	// an end at that moment left behind would be read twice.
	return j.writeSegment(m, ext)
}

// sealNow writes a memtable as a segment and removes its log.
func (j *Journal) sealNow(m *memtable) error {
	s, err := j.writeSegment(m, segmentExt)
	if err != nil {
		return err
	}
	j.segments = append(j.segments, s)
	delete(j.logBytes, m.number)
	return os.Remove(j.path(m.number, logExt))
}

func (j *Journal) writeSegment(m *memtable, ext string) (*segment, error) {
	raws, err := m.raws()
	if err != nil {
		return nil, err
	}
	path := j.path(m.number, ext)
	if err := seal(j.codec, path, m.number, raws); err != nil {
		return nil, fmt.Errorf("seal segment %d: %w", m.number, err)
	}
	return openSegment(j.codec, path, m.number)
}
