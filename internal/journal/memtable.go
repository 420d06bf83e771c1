package journal

import (
	"math"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/block"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// tailRecords is how many records a memtable keeps as values before it makes a
// block of them.
const tailRecords = 512

// memtable is the content of a log, in memory. The writer alone adds to it,
// under the journal's lock; what readers get of it by view never changes.
type memtable struct {
	number  uint64
	blocks  []memBlock
	byKey   map[key][]int32 // numbers of blocks
	tail    []record.Record // newest, not yet in a block
	records int
	bytes   int
	builder *block.Builder
}

type memBlock struct {
	raw            []byte
	oldest, newest int64
}

func newMemtable(number uint64) *memtable {
	return &memtable{number: number, byKey: map[key][]int32{}, builder: &block.Builder{}}
}

// growth is what is to be added to a memtable. Making it takes a moment and needs
// no lock; adding it takes none.
type growth struct {
	records int
	blocks  []memBlock
	keys    [][]key
	tail    []record.Record
}

// prepare makes the growth by records that were written, and by the block of them.
func (m *memtable) prepare(records []record.Record, raw []byte) (*growth, error) {
	g := &growth{records: len(records)}
	switch {
	case len(records) >= tailRecords/2:
		if err := g.addTail(m, m.tail); err != nil {
			return nil, err
		}
		return g, g.addBlock(raw)
	case len(m.tail)+len(records) >= tailRecords:
		return g, g.addTail(m, append(m.tail[:len(m.tail):len(m.tail)], records...))
	}
	g.tail = append(m.tail, records...)
	return g, nil
}

func (g *growth) addTail(m *memtable, tail []record.Record) error {
	if len(tail) == 0 {
		return nil
	}
	for i := range tail {
		if err := m.builder.Add(&tail[i]); err != nil {
			return err
		}
	}
	return g.addBlock(m.builder.Finish(nil))
}

func (g *growth) addBlock(raw []byte) error {
	b, err := block.Parse(raw)
	if err != nil {
		return err
	}
	oldest, newest := span(b)
	g.blocks = append(g.blocks, memBlock{raw, oldest, newest})
	g.keys = append(g.keys, keysOf(b))
	return nil
}

func (m *memtable) commit(g *growth) {
	for i, b := range g.blocks {
		n := int32(len(m.blocks))
		for _, k := range g.keys[i] {
			if list := m.byKey[k]; len(list) == 0 || list[len(list)-1] != n {
				m.byKey[k] = append(list, n)
			}
		}
		m.blocks = append(m.blocks, b)
		m.bytes += len(b.raw)
	}
	m.records += g.records
	m.tail = g.tail
}

// raws is all blocks, the tail among them.
func (m *memtable) raws() ([][]byte, error) {
	g := &growth{}
	if err := g.addTail(m, m.tail); err != nil {
		return nil, err
	}
	var raws [][]byte
	for _, b := range append(m.blocks[:len(m.blocks):len(m.blocks)], g.blocks...) {
		raws = append(raws, b.raw)
	}
	return raws, nil
}

func span(b *block.Block) (oldest, newest int64) {
	oldest, newest = math.MaxInt64, math.MinInt64
	for i := range b.Len() {
		oldest, newest = min(oldest, b.Nanos(i)), max(newest, b.Nanos(i))
	}
	return oldest, newest
}

// view is what a query may find in a memtable.
func (m *memtable) view(q *query) *memView {
	v := &memView{blocks: m.blocks[:len(m.blocks):len(m.blocks)], tail: m.tail[:len(m.tail):len(m.tail)], oldest: math.MaxInt64, newest: math.MinInt64}
	add := func(n int32) {
		if b := v.blocks[n]; q.overlaps(b.oldest, b.newest) {
			v.wanted = append(v.wanted, n)
			v.oldest, v.newest = min(v.oldest, b.oldest), max(v.newest, b.newest)
		}
	}
	if q.keys == nil {
		for n := range v.blocks {
			add(int32(n))
		}
	}
	for _, n := range union(q.keys, func(k key) []int32 { return m.byKey[k] }) {
		add(n)
	}
	for i := range v.tail {
		t := block.Nanos(v.tail[i].Time)
		v.oldest, v.newest = min(v.oldest, t), max(v.newest, t)
	}
	return v
}

// memView is a memtable at a moment, to be read without lock.
type memView struct {
	blocks         []memBlock
	wanted         []int32
	tail           []record.Record
	oldest, newest int64
}
