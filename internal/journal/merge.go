package journal

import (
	"cmp"
	"errors"
	"io"
	"os"
	"slices"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/block"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// mergeCount is how many small segments become one large one. So each record is
// written three times at most, and an object's history lies in few places.
const mergeCount = 8

var errClosing = errors.New("journal is closing")

// mergeIfDue starts merging if there are enough small segments and nothing is
// being merged.
func (j *Journal) mergeIfDue() {
	j.mu.Lock()
	defer j.mu.Unlock()
	small := slices.IndexFunc(j.segments, func(s *segment) bool { return !s.large })
	if j.merging || j.closed || small < 0 || len(j.segments)-small < mergeCount {
		return
	}
	in := slices.Clone(j.segments[small : small+mergeCount])
	total := int64(0)
	for _, s := range in {
		total += s.bytes
		s.refs.Add(1)
	}
	j.merging = true
	j.running.Go(func() {
		// A large part of the journal would go at once when it is too old.
		out, err := (*segment)(nil), error(nil)
		if total <= j.opts.MaxBytes/mergeCount {
			out, err = j.mergeSegments(in)
		}
		j.replace(in, out, err)
		for _, s := range in {
			s.release()
		}
		if err == nil {
			j.mergeIfDue()
		}
	})
}

// replace puts a merged segment in the place of those that it was made of. If
// there is none, because one of them is damaged, say, they stay as they are.
func (j *Journal) replace(in []*segment, out *segment, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.merging = false
	if err != nil && !errors.Is(err, errDamaged) {
		if !errors.Is(err, errClosing) {
			j.sealHealth = err // tried again after the next segment
		}
		return
	}
	if out == nil {
		for _, s := range in {
			s.large = true
		}
		return
	}
	at := slices.Index(j.segments, in[0])
	if at < 0 || !slices.Equal(j.segments[at:min(at+len(in), len(j.segments))], in) {
		os.Remove(out.path) // some were too old meanwhile
		return
	}
	j.segments = slices.Replace(slices.Clone(j.segments), at, at+len(in), out)
	for _, s := range in {
		s.gone.Store(true)
	}
}

// mergeSegments writes segments as one. They are sorted in the same way, so only
// a block of each is in memory.
func (j *Journal) mergeSegments(in []*segment) (*segment, error) {
	var heads []*mergeHead
	defer func() {
		for _, h := range heads {
			h.file.Close()
		}
	}()
	before := 0
	for i, s := range in {
		f, err := os.Open(s.path)
		if err != nil {
			return nil, err
		}
		h := &mergeHead{journal: j, file: f, segment: s, order: i, before: before}
		heads = append(heads, h)
		before += s.Records
		if err := h.next(); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
	}
	number := in[len(in)-1].number
	path := j.path(number, mergedExt)
	err := writeSegmentFile(j.codec.merge, path, in[0].number, func(s *sealer) error {
		for {
			var least *mergeHead
			for _, h := range heads {
				if !h.done && (least == nil || h.compare(least) < 0) {
					least = h
				}
			}
			if least == nil {
				return nil
			}
			if err := s.add(&least.record, least.seq); err != nil {
				return err
			}
			if err := least.next(); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
		}
	})
	if err != nil {
		return nil, err
	}
	out, err := openSegment(j.codec, path, number)
	if err == nil {
		out.large = true
	}
	return out, err
}

// mergeHead is the next record of a segment.
type mergeHead struct {
	journal *Journal
	file    *os.File
	segment *segment
	order   int
	before  int // records of the segments before
	n, i    int // the next block; the next record of this one
	block   *block.Block
	record  record.Record
	seq     int
	done    bool
}

func (h *mergeHead) next() error {
	for h.block == nil || h.i >= h.block.Len() {
		if h.n >= len(h.segment.Blocks) {
			h.done = true
			return io.EOF
		}
		select {
		case <-h.journal.closing:
			return errClosing
		default:
		}
		b, err := h.journal.readBlock(h.file, h.segment.Blocks[h.n])
		if err != nil {
			return err
		}
		h.block, h.i = b, 0
		h.n++
	}
	r, err := h.block.Record(h.i)
	h.seq = h.before + int(h.block.Seq(h.i))
	h.i++
	if errors.Is(err, record.ErrUnknownType) {
		return errDamaged // merging would lose it; it stays as it is
	}
	h.record = r
	return err
}

// compare orders records as sortByObject does.
func (h *mergeHead) compare(o *mergeHead) int {
	a, b := &h.record, &o.record
	return cmp.Or(cmp.Compare(a.Object.Group, b.Object.Group), cmp.Compare(a.Object.Kind, b.Object.Kind),
		cmp.Compare(a.Object.Namespace, b.Object.Namespace), cmp.Compare(topOwner(a), topOwner(b)),
		a.Object.Compare(b.Object), a.Time.Compare(b.Time), cmp.Compare(h.order, o.order))
}

func topOwner(r *record.Record) string {
	if n := len(r.Owners); n > 0 {
		return r.Owners[n-1].Name
	}
	return r.Object.Name
}
