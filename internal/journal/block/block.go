package block

import (
	"errors"
	"fmt"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// ErrMalformed indicates bytes that are not a block.
var ErrMalformed = errors.New("malformed block")

// Block is a block that is read. Its methods may be used by one goroutine at a
// time: strings are made when they are first asked for.
type Block struct {
	raw     []byte
	strings []span      // where they are in raw
	made    []string    // those that were asked for
	refs    [5][]uint32 // the parts' numbers of strings
	chains  [][]uint32  // numbers of refs
	types   []blockType
	times   []int64
	seqs    []int64
	typ     []uint32
	source  []uint32
	ref     []uint32
	chain   []uint32
	node    []uint32
	ends    []uint32 // where each payload ends in payload
	payload []byte
}

type span struct{ from, to uint32 }

type blockType struct {
	name     record.Type
	fields   []field
	resolved bool
}

// Parse reads a block; it keeps raw.
func Parse(raw []byte) (*Block, error) {
	b := &Block{raw: raw}
	r := &reader{data: raw}
	if v := r.byte(); v != version {
		return nil, fmt.Errorf("%w: version %d", ErrMalformed, v)
	}
	n := r.count()
	b.parseStrings(r)
	b.parseTypes(r)
	b.parseRefs(r)
	b.times = make([]int64, n)
	last := int64(0)
	for i := range b.times {
		last += r.span()
		b.times[i] = last
	}
	b.seqs = make([]int64, r.count())
	last = 0
	for i := range b.seqs {
		last += r.varint()
		b.seqs[i] = last
	}
	if len(b.seqs) != 0 && len(b.seqs) != n {
		return nil, ErrMalformed
	}
	b.typ = r.column(n, len(b.types))
	b.source = r.column(n, len(b.strings))
	b.ref = r.column(n, len(b.refs[0]))
	b.chain = r.column(n, len(b.chains))
	b.node = r.column(n, len(b.strings))
	b.ends = r.column(n, len(raw)+1)
	var end uint64
	for i, length := range b.ends {
		end += uint64(length)
		if end > uint64(len(raw)) {
			return nil, ErrMalformed
		}
		b.ends[i] = uint32(end)
	}
	b.payload = r.bytes(end)
	if r.failed {
		return nil, ErrMalformed
	}
	return b, nil
}

func (b *Block) parseStrings(r *reader) {
	lengths := r.column(r.count(), len(r.data)+1)
	at := uint64(len(b.raw) - len(r.data))
	b.strings = make([]span, len(lengths))
	b.made = make([]string, len(lengths))
	total := uint64(0)
	for i, n := range lengths {
		b.strings[i] = span{uint32(at + total), uint32(at + total + uint64(n))}
		total += uint64(n)
	}
	r.bytes(total)
	if r.failed {
		b.strings, b.made = nil, nil
	}
}

func (b *Block) parseTypes(r *reader) {
	b.types = make([]blockType, r.count())
	for i := range b.types {
		b.types[i].name = record.Type(b.stringAt(r))
		b.types[i].fields = make([]field, r.count())
		for j := range b.types[i].fields {
			b.types[i].fields[j] = field{name: b.stringAt(r), kind: kind(r.byte())}
		}
		if len(b.types[i].fields) > 64 {
			r.failed = true
		}
	}
}

func (b *Block) parseRefs(r *reader) {
	n := r.count()
	for part := range b.refs {
		b.refs[part] = r.column(n, len(b.strings))
	}
	b.chains = make([][]uint32, r.count())
	for i := range b.chains {
		b.chains[i] = r.column(r.count(), n)
	}
}

// stringAt is the string whose number comes next.
func (b *Block) stringAt(r *reader) string {
	n := r.uvarint()
	if r.failed || n >= uint64(len(b.strings)) {
		r.failed = true
		return ""
	}
	return b.str(uint32(n))
}

// str is a string of the table. It is copied, so that a record which is kept
// does not keep the whole block.
func (b *Block) str(n uint32) string {
	if b.made[n] == "" {
		b.made[n] = string(b.view(n))
	}
	return b.made[n]
}

func (b *Block) view(n uint32) []byte { s := b.strings[n]; return b.raw[s.from:s.to] }

// Len is the number of records.
func (b *Block) Len() int { return len(b.times) }

// Size is about how much memory the block takes.
func (b *Block) Size() int { return len(b.raw) + 40*len(b.times) + 24*len(b.strings) }

// Nanos is a record's time.
func (b *Block) Nanos(i int) int64 { return b.times[i] }

// Seq is the place at which a record came, compared with others of its file.
func (b *Block) Seq(i int) int64 {
	if len(b.seqs) == 0 {
		return int64(i)
	}
	return b.seqs[i]
}

// Type is a record's type.
func (b *Block) Type(i int) record.Type { return b.types[b.typ[i]].name }

// Ref is a record's object.
func (b *Block) Ref(i int) record.Ref { return b.refAt(b.ref[i]) }

// Owners is a record's chain of owners.
func (b *Block) Owners(i int) []record.Ref {
	chain := b.chains[b.chain[i]]
	if len(chain) == 0 {
		return nil
	}
	owners := make([]record.Ref, len(chain))
	for j, r := range chain {
		owners[j] = b.refAt(r)
	}
	return owners
}

// Node is a record's node.
func (b *Block) Node(i int) string { return b.str(b.node[i]) }

// Objects is each object that a record is of, once.
func (b *Block) Objects() []record.Ref { return b.distinctRefs(b.ref) }

// Above is each object that is in a chain of owners, once.
func (b *Block) Above() []record.Ref {
	var all []uint32
	for _, c := range b.chains {
		all = append(all, c...)
	}
	return b.distinctRefs(all)
}

// Nodes is each node that a record is of, once.
func (b *Block) Nodes() []string {
	var nodes []string
	for _, n := range distinct(b.node, len(b.strings)) {
		if s := b.str(n); s != "" {
			nodes = append(nodes, s)
		}
	}
	return nodes
}

func (b *Block) distinctRefs(numbers []uint32) []record.Ref {
	numbers = distinct(numbers, len(b.refs[0]))
	refs := make([]record.Ref, len(numbers))
	for i, n := range numbers {
		refs[i] = b.refAt(n)
	}
	return refs
}

func distinct(numbers []uint32, limit int) []uint32 {
	seen := make([]bool, limit)
	var out []uint32
	for _, n := range numbers {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}

func (b *Block) refAt(n uint32) record.Ref {
	return record.Ref{
		Group: b.str(b.refs[0][n]), Kind: b.str(b.refs[1][n]), Namespace: b.str(b.refs[2][n]),
		Name: b.str(b.refs[3][n]), UID: b.str(b.refs[4][n]),
	}
}
