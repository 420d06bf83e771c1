package history

import (
	"container/list"
	"fmt"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// known is what is known of an object beside its last state.
type known struct {
	uid     string
	detail  record.Detail
	whole   time.Time // when it was last recorded whole
	patches int       // since then
	bytes   int       // of them
}

// states are objects' last states, compressed, at most so many bytes of them.
// Those that changed longest ago are forgotten first.
type states struct {
	max, bytes int
	entries    map[record.Ref]*list.Element
	newest     *list.List // of *entry
	encoder    *zstd.Encoder
	decoder    *zstd.Decoder
}

type entry struct {
	ref record.Ref
	known
	state []byte
}

// overhead is about what an entry takes beside its state.
const overhead = 400

func newStates(maxBytes int) (*states, error) {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false),
		zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(128<<10))
	if err != nil {
		return nil, err
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	return &states{max: maxBytes, entries: map[record.Ref]*list.Element{}, newest: list.New(), encoder: e, decoder: d}, nil
}

// get is the last state of an object; nil if it is not known.
func (s *states) get(ref record.Ref) (known, []byte, error) {
	el := s.entries[ref]
	if el == nil {
		return known{}, nil, nil
	}
	e := el.Value.(*entry)
	state, err := s.decoder.DecodeAll(e.state, nil)
	if err != nil {
		return e.known, nil, fmt.Errorf("read last state: %w", err)
	}
	return e.known, state, nil
}

func (s *states) put(ref record.Ref, k known, state []byte) {
	s.drop(ref)
	e := &entry{ref: ref, known: k, state: s.encoder.EncodeAll(state, nil)}
	s.entries[ref] = s.newest.PushFront(e)
	s.bytes += len(e.state) + overhead
	for s.bytes > s.max && s.newest.Len() > 1 {
		s.drop(s.newest.Back().Value.(*entry).ref)
	}
}

func (s *states) drop(ref record.Ref) {
	el := s.entries[ref]
	if el == nil {
		return
	}
	s.bytes -= len(el.Value.(*entry).state) + overhead
	s.newest.Remove(el)
	delete(s.entries, ref)
}

func (s *states) close() {
	s.encoder.Close()
	s.decoder.Close()
}
