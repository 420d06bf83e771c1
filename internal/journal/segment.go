package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"sort"
	"sync/atomic"
)

// A segment is a file that never changes:
//
//	frames with blocks | postings | frame with the index | tail
//
// Postings are sorted numbers of 8 bytes, each a key with the number of a block
// in its low bits. They stay on disk; the index, which is kept in memory, has the
// first of each page of them.
const (
	pageEntries = 512
	tailMagic   = "BHJEND01"
	tailBytes   = 20 // offset of the index, its length, magic
)

// segment is a sealed segment.
type segment struct {
	number uint64
	path   string
	bytes  int64
	large  bool         // merged, or not to be; the journal's mu guards it
	refs   atomic.Int32 // of queries and of merging
	gone   atomic.Bool  // no longer of the journal: removed after its last use
	index
}

// release ends a use.
func (s *segment) release() {
	if s.refs.Add(-1) == 0 && s.gone.Load() {
		// If it stays, opening the journal removes it.
		os.Remove(s.path)
	}
}

// openSegment reads a segment's index.
func openSegment(c *codec, path string, number uint64) (*segment, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	s := &segment{number: number, path: path, bytes: info.Size()}
	var tail [tailBytes]byte
	if s.bytes < tailBytes {
		return nil, fmt.Errorf("%w: the segment's end is missing", errDamaged)
	}
	if _, err := f.ReadAt(tail[:], s.bytes-tailBytes); err != nil {
		return nil, err
	}
	at, n := int64(binary.LittleEndian.Uint64(tail[:])), int64(binary.LittleEndian.Uint32(tail[8:]))
	if string(tail[12:]) != tailMagic || at < 0 || at+n+tailBytes != s.bytes {
		return nil, fmt.Errorf("%w: the segment's end is damaged", errDamaged)
	}
	raw, err := c.readFrame(f, at, int(n))
	if err != nil {
		return nil, fmt.Errorf("read the segment's index: %w", err)
	}
	s.index, err = decodeIndex(raw)
	return s, err
}

// candidates is the numbers of the blocks that may have what is wanted.
func (s *segment) candidates(f io.ReaderAt, q *query) ([]int32, error) {
	var types uint64
	for i, t := range s.Types {
		if q.wantsType(t) {
			types |= 1 << i
		}
	}
	wanted := func(n int32) bool {
		b := &s.Blocks[n]
		return b.Types&types != 0 && q.overlaps(b.Oldest, b.Newest)
	}
	var out []int32
	if q.keys == nil {
		for n := range s.Blocks {
			if wanted(int32(n)) {
				out = append(out, int32(n))
			}
		}
		return out, nil
	}
	var failed error
	numbers := union(q.keys, func(k key) []int32 {
		list, err := s.find(f, k)
		if err != nil {
			failed = err
		}
		return list
	})
	if failed != nil {
		return nil, failed
	}
	for _, n := range numbers {
		if wanted(n) {
			out = append(out, n)
		}
	}
	return out, nil
}

// find reads the pages of postings that may have a key.
func (s *segment) find(f io.ReaderAt, k key) ([]int32, error) {
	// The key may begin in the page before the first that starts with it.
	p := max(0, sort.Search(len(s.Pages), func(i int) bool { return s.Pages[i].First >= uint64(k) })-1)
	var out []int32
	buf := make([]byte, 8*pageEntries)
	for ; p < len(s.Pages) && key(s.Pages[p].First)&keyMask <= k; p++ {
		n := min(pageEntries, s.Entries-p*pageEntries)
		entries := buf[:8*n]
		at := s.Postings + int64(8*p*pageEntries)
		if _, err := f.ReadAt(entries, at); err != nil {
			return nil, err
		}
		if crc32.Checksum(entries, castagnoli()) != s.Pages[p].Sum {
			return nil, &Damage{File: s.path, Offset: at, Bytes: int64(len(entries)), Err: errDamaged}
		}
		entry := func(i int) uint64 { return binary.LittleEndian.Uint64(entries[8*i:]) }
		for i := sort.Search(n, func(i int) bool { return entry(i) >= uint64(k) }); i < n && key(entry(i))&keyMask == k; i++ {
			if b := entry(i) &^ uint64(keyMask); b < uint64(len(s.Blocks)) {
				out = append(out, int32(b))
			}
		}
	}
	return out, nil
}

// union is the numbers that any of the keys has, sorted, each once.
func union(keys []key, of func(key) []int32) []int32 {
	var all []int32
	for _, k := range keys {
		all = append(all, of(k)...)
	}
	if len(keys) > 1 {
		slices.Sort(all)
		all = slices.Compact(all)
	}
	return all
}
