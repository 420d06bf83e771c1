package block

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// version is the first byte of a block.
const version = 1

// ErrNoPayload indicates a record that has nothing to say.
var ErrNoPayload = errors.New("record has no payload")

// Builder collects records and writes them as a block. The zero Builder is
// ready; it can be used again after Finish.
type Builder struct {
	strings table[string]
	refs    table[[5]uint32]
	chains  map[string]uint32
	chain   []byte // the chains, one after the other
	nChains int
	types   table[record.Type]
	plans   map[reflect.Type]*plan // kept between blocks
	used    []*plan                // by number of type

	times                  []int64
	seqs                   []int64 // empty unless AddAt gave them
	typ, source, ref       []uint32
	chainOf, node, lengths []uint32
	payload                []byte
	scratch                []byte
}

// table gives things numbers in order of their first appearance.
type table[T comparable] struct {
	number map[T]uint32
	list   []T
}

func (t *table[T]) add(v T) uint32 {
	if n, ok := t.number[v]; ok {
		return n
	}
	if t.number == nil {
		t.number = map[T]uint32{}
	}
	n := uint32(len(t.list))
	t.number[v] = n
	t.list = append(t.list, v)
	return n
}

func (t *table[T]) reset() {
	clear(t.number)
	clear(t.list)
	t.list = t.list[:0]
}

// Len is the number of records added.
func (b *Builder) Len() int { return len(b.times) }

// Size is about how long the block will be, without its table of strings.
func (b *Builder) Size() int { return len(b.payload) + 8*len(b.times) }

// Add adds a record. After an error the builder is as before.
func (b *Builder) Add(r *record.Record) error {
	if r.Payload == nil || reflect.ValueOf(r.Payload).IsNil() {
		return ErrNoPayload
	}
	before := len(b.payload)
	t := b.typeOf(r.Payload)
	nanos := Nanos(r.Time)
	if err := b.appendPayload(r.Payload, t, nanos); err != nil {
		b.payload = b.payload[:before]
		return fmt.Errorf("encode record of type %s: %w", r.Type(), err)
	}
	b.times = append(b.times, nanos)
	b.typ = append(b.typ, t)
	b.source = append(b.source, b.strings.add(r.Source))
	b.ref = append(b.ref, b.addRef(r.Object))
	b.chainOf = append(b.chainOf, b.addChain(r.Owners))
	b.node = append(b.node, b.strings.add(r.Node))
	b.lengths = append(b.lengths, uint32(len(b.payload)-before))
	return nil
}

// AddAt adds a record as Add does, and says at which place it came, where the
// block is in another order. A block is filled with Add or with AddAt alone.
func (b *Builder) AddAt(r *record.Record, seq int) error {
	if err := b.Add(r); err != nil {
		return err
	}
	b.seqs = append(b.seqs, int64(seq))
	return nil
}

func (b *Builder) typeOf(p record.Payload) uint32 {
	n := b.types.add(p.Type())
	if int(n) < len(b.used) {
		return n
	}
	t := reflect.TypeOf(p).Elem()
	pl := b.plans[t]
	if pl == nil {
		if b.plans == nil {
			b.plans = map[reflect.Type]*plan{}
		}
		pl = newPlan(t)
		b.plans[t] = pl
	}
	b.used = append(b.used, pl)
	return n
}

func (b *Builder) addRef(r record.Ref) uint32 {
	return b.refs.add([5]uint32{
		b.strings.add(r.Group), b.strings.add(r.Kind), b.strings.add(r.Namespace), b.strings.add(r.Name), b.strings.add(r.UID),
	})
}

func (b *Builder) addChain(owners []record.Ref) uint32 {
	c := binary.AppendUvarint(b.scratch[:0], uint64(len(owners)))
	for _, o := range owners {
		c = binary.AppendUvarint(c, uint64(b.addRef(o)))
	}
	b.scratch = c
	if n, ok := b.chains[string(c)]; ok {
		return n
	}
	if b.chains == nil {
		b.chains = map[string]uint32{}
	}
	n := uint32(b.nChains)
	b.chains[string(c)] = n
	b.nChains++
	b.chain = append(b.chain, c...)
	return n
}

// Finish appends the block to dst and empties the builder.
func (b *Builder) Finish(dst []byte) []byte {
	// Types first: their fields' names go into the table of strings too.
	types := binary.AppendUvarint(nil, uint64(len(b.types.list)))
	for i, t := range b.types.list {
		types = binary.AppendUvarint(types, uint64(b.strings.add(string(t))))
		types = binary.AppendUvarint(types, uint64(len(b.used[i].fields)))
		for _, f := range b.used[i].fields {
			types = binary.AppendUvarint(types, uint64(b.strings.add(f.name)))
			types = append(types, byte(f.kind))
		}
	}
	dst = append(dst, version)
	dst = binary.AppendUvarint(dst, uint64(len(b.times)))
	dst = b.appendStrings(dst)
	dst = append(dst, types...)
	dst = binary.AppendUvarint(dst, uint64(len(b.refs.list)))
	for part := range 5 {
		for _, r := range b.refs.list {
			dst = binary.AppendUvarint(dst, uint64(r[part]))
		}
	}
	dst = binary.AppendUvarint(dst, uint64(b.nChains))
	dst = append(dst, b.chain...)
	dst = b.appendTimes(dst)
	dst = b.appendSeqs(dst)
	for _, column := range [][]uint32{b.typ, b.source, b.ref, b.chainOf, b.node, b.lengths} {
		for _, v := range column {
			dst = binary.AppendUvarint(dst, uint64(v))
		}
	}
	dst = append(dst, b.payload...)
	b.Reset()
	return dst
}

func (b *Builder) appendStrings(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b.strings.list)))
	for _, s := range b.strings.list {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
	}
	for _, s := range b.strings.list {
		dst = append(dst, s...)
	}
	return dst
}

// appendTimes writes each record's time as span from the one before. The sum
// may wrap around, as for times that are not known; so does the reader's.
func (b *Builder) appendTimes(dst []byte) []byte {
	last := int64(0)
	for _, t := range b.times {
		dst = appendSpan(dst, t-last)
		last = t
	}
	return dst
}

func (b *Builder) appendSeqs(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b.seqs)))
	last := int64(0)
	for _, s := range b.seqs {
		dst = binary.AppendVarint(dst, s-last)
		last = s
	}
	return dst
}

// Reset empties the builder.
func (b *Builder) Reset() {
	b.strings.reset()
	b.refs.reset()
	b.types.reset()
	clear(b.chains)
	b.used = b.used[:0]
	b.chain, b.nChains = b.chain[:0], 0
	b.seqs = b.seqs[:0]
	b.times, b.typ, b.source, b.ref = b.times[:0], b.typ[:0], b.source[:0], b.ref[:0]
	b.chainOf, b.node, b.lengths = b.chainOf[:0], b.node[:0], b.lengths[:0]
	b.payload = b.payload[:0]
}
