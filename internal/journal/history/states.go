package history

import (
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// known is what is known of an object beside its last state.
type known struct {
	uid            string
	detail         record.Detail
	whole          int64 // when it was last recorded whole, in nanoseconds
	patches, bytes int32 // how many since then, and how long
}

// states are objects' last states, compressed, at most so many bytes of them.
// Those that changed longest ago are forgotten first.
type states struct {
	max, bytes int
	entries    map[name]*entry
	ends       entry // newer is the oldest of the list, older the newest
	kinds      map[string]*kindStates
	plain      *zstd.Encoder
	decoder    *zstd.Decoder
	dicts      []zstd.DOption
	buf        []byte
}

// name is a reference without the UID.
type name struct{ group, kind, namespace, name string }

func nameOf(r record.Ref) name { return name{r.Group, r.Kind, r.Namespace, r.Name} }

type entry struct {
	name name
	known
	state        []byte
	newer, older *entry
}

// kindStates is what the states of a kind have in common. Of many objects, most of
// what each one's state has is in the others' too: with a few of them as dictionary
// they take half the room. It takes half a megabyte by itself.
type kindStates struct {
	seen    int
	sample  []byte
	encoder *zstd.Encoder // nil as long as there are few
}

// dictionaryFrom is from how many states on a kind has a dictionary, of so many of
// them.
const dictionaryFrom, dictionaryOf = 1000, 8

// overhead is about what an entry takes beside its state.
const overhead = 280

func newStates(maxBytes int) (*states, error) {
	s := &states{max: maxBytes, entries: map[name]*entry{}, kinds: map[string]*kindStates{}}
	s.ends.newer, s.ends.older = &s.ends, &s.ends
	var err error
	if s.plain, err = newEncoder(); err != nil {
		return nil, err
	}
	return s, s.renewDecoder()
}

func newEncoder(more ...zstd.EOption) (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, append(more, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false),
		zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(128<<10))...)
}

// renewDecoder makes a decoder that knows all dictionaries.
func (s *states) renewDecoder() error {
	d, err := zstd.NewReader(nil, append(slices.Clone(s.dicts), zstd.WithDecoderConcurrency(1))...)
	if err != nil {
		return err
	}
	if s.decoder != nil {
		s.decoder.Close()
	}
	s.decoder = d
	return nil
}

// get is the last state of an object; nil if it is not known.
func (s *states) get(ref record.Ref) (known, []byte, error) {
	e := s.entries[nameOf(ref)]
	if e == nil {
		return known{}, nil, nil
	}
	state, err := s.decoder.DecodeAll(e.state, nil)
	if err != nil {
		return e.known, nil, fmt.Errorf("read last state: %w", err)
	}
	return e.known, state, nil
}

func (s *states) put(ref record.Ref, k known, state []byte) {
	s.drop(nameOf(ref))
	s.buf = s.encoderFor(ref.Kind, state).EncodeAll(state, s.buf[:0])
	e := &entry{name: nameOf(ref), known: k, state: slices.Clone(s.buf)}
	e.older, e.newer = s.ends.older, &s.ends
	e.older.newer, e.newer.older = e, e
	s.entries[e.name] = e
	s.bytes += len(e.state) + overhead
	for s.bytes > s.max && len(s.entries) > 1 {
		s.drop(s.ends.newer.name)
	}
}

// encoderFor is the one for a kind's states, of which a further one is given.
func (s *states) encoderFor(kind string, state []byte) *zstd.Encoder {
	k := s.kinds[kind]
	if k == nil {
		k = &kindStates{}
		s.kinds[kind] = k
	}
	k.seen++
	if k.encoder != nil {
		return k.encoder
	}
	if k.seen > dictionaryFrom-dictionaryOf {
		k.sample = append(k.sample, state...)
	}
	if k.seen >= dictionaryFrom {
		s.learn(k)
	}
	if k.encoder != nil {
		return k.encoder
	}
	return s.plain
}

// learn makes a dictionary of a kind's sample. What goes wrong costs room alone.
func (s *states) learn(k *kindStates) {
	sample := k.sample
	k.sample, k.seen = nil, 0
	id := uint32(len(s.dicts) + 1)
	e, err := newEncoder(zstd.WithEncoderDictRaw(id, sample))
	if err != nil {
		return
	}
	s.dicts = append(s.dicts, zstd.WithDecoderDictRaw(id, sample))
	if s.renewDecoder() != nil {
		s.dicts = s.dicts[:len(s.dicts)-1]
		e.Close()
		return
	}
	k.encoder = e
}

func (s *states) drop(n name) {
	e := s.entries[n]
	if e == nil {
		return
	}
	s.bytes -= len(e.state) + overhead
	e.older.newer, e.newer.older = e.newer, e.older
	delete(s.entries, n)
}

func (s *states) close() {
	s.plain.Close()
	for _, k := range s.kinds {
		if k.encoder != nil {
			k.encoder.Close()
		}
	}
	s.decoder.Close()
}
