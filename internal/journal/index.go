package journal

import (
	"encoding/binary"
	"fmt"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// indexVersion begins an index; blocks begin with another byte.
const indexVersion = 'I'

// index is what is kept in memory of a segment.
type index struct {
	// First is the number of the first small segment that it stands for.
	First    uint64
	Records  int
	Oldest   int64
	Newest   int64
	Types    []record.Type // their places are the bits of blockInfo.Types
	Blocks   []blockInfo
	Postings int64 // offset
	Entries  int
	Pages    []page
}

// blockInfo says where a block is, and what it may have.
type blockInfo struct {
	At             int64
	Oldest, Newest int64
	Types          uint64
	Length         int32
	Records        int32
}

// page is a part of the postings.
type page struct {
	First uint64
	Sum   uint32 // CRC-32C
}

// encode writes the index. Blocks lie one after the other from the file's start,
// so their lengths say where.
func (x *index) encode() []byte {
	b := binary.AppendUvarint([]byte{indexVersion}, x.First)
	b = binary.AppendUvarint(b, uint64(len(x.Types)))
	for _, t := range x.Types {
		b = binary.AppendUvarint(b, uint64(len(t)))
		b = append(b, t...)
	}
	b = binary.AppendUvarint(b, uint64(len(x.Blocks)))
	last := int64(0)
	for i := range x.Blocks {
		k := &x.Blocks[i]
		b = binary.AppendUvarint(b, uint64(k.Length))
		b = binary.AppendUvarint(b, uint64(k.Records))
		b = binary.AppendUvarint(b, k.Types)
		b = binary.AppendVarint(b, k.Oldest-last)
		b = binary.AppendUvarint(b, uint64(k.Newest-k.Oldest))
		last = k.Oldest
	}
	b = binary.AppendUvarint(b, uint64(x.Entries))
	for _, p := range x.Pages {
		b = binary.LittleEndian.AppendUint64(b, p.First)
		b = binary.LittleEndian.AppendUint32(b, p.Sum)
	}
	return b
}

// decodeIndex is the inverse of encode.
func decodeIndex(b []byte) (x index, err error) {
	defer func() {
		// Its checksum was right, so it is from a version that writes otherwise.
		if recover() != nil {
			err = fmt.Errorf("%w: malformed index", errDamaged)
		}
	}()
	if b[0] != indexVersion {
		return x, fmt.Errorf("%w: index of version %d", errDamaged, b[0])
	}
	b = b[1:]
	uvarint := func() uint64 {
		v, n := binary.Uvarint(b)
		b = b[n:]
		return v
	}
	x.First = uvarint()
	// count is a number of things of at least one byte each.
	count := func() uint64 {
		n := uvarint()
		if n > uint64(len(b)) {
			panic("too many")
		}
		return n
	}
	for range count() {
		n := uvarint()
		x.Types = append(x.Types, record.Type(b[:n]))
		b = b[n:]
	}
	x.Blocks = make([]blockInfo, count())
	x.Oldest, x.Newest = 1<<63-1, -1<<63
	last := int64(0)
	for i := range x.Blocks {
		k := &x.Blocks[i]
		k.At = x.Postings
		k.Length, k.Records, k.Types = int32(uvarint()), int32(uvarint()), uvarint()
		v, n := binary.Varint(b)
		b = b[n:]
		k.Oldest = last + v
		k.Newest = k.Oldest + int64(uvarint())
		last = k.Oldest
		x.Postings += int64(k.Length)
		x.Records += int(k.Records)
		x.Oldest, x.Newest = min(x.Oldest, k.Oldest), max(x.Newest, k.Newest)
	}
	x.Entries = int(uvarint())
	if x.Entries < 0 || x.Entries/pageEntries > len(b)/12 {
		panic("too many")
	}
	x.Pages = make([]page, (x.Entries+pageEntries-1)/pageEntries)
	for i := range x.Pages {
		x.Pages[i] = page{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint32(b[8:])}
		b = b[12:]
	}
	return x, nil
}
