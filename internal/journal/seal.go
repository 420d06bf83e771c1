package journal

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/block"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// A block of a segment ends after so many records or bytes. Larger ones are a
// little smaller on disk and slower to search: see docs/measurements.md.
const (
	blockRecords = 96
	blockBytes   = 12 << 10
)

// place is where a record is, and where it belongs: by object, then by time,
// then as it came.
type place struct {
	rank     uint32
	nanos    int64
	block, i int32
}

// sortByObject orders the records of blocks. Objects of one owner lie together:
// they are alike, and asked for together.
func sortByObject(blocks []*block.Block) []place {
	type object struct {
		ref   record.Ref
		owner string
	}
	var objects []object
	number := map[record.Ref]uint32{}
	var places []place
	for n, b := range blocks {
		for i := range b.Len() {
			ref := b.Ref(i)
			id, ok := number[ref]
			if !ok {
				id = uint32(len(objects))
				number[ref] = id
				o := object{ref: ref, owner: ref.Name}
				if owners := b.Owners(i); len(owners) > 0 {
					o.owner = owners[len(owners)-1].Name
				}
				objects = append(objects, o)
			}
			places = append(places, place{rank: id, nanos: b.Nanos(i), block: int32(n), i: int32(i)})
		}
	}
	order := make([]uint32, len(objects))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(x, y uint32) int {
		a, b := &objects[x], &objects[y]
		return cmp.Or(cmp.Compare(a.ref.Group, b.ref.Group), cmp.Compare(a.ref.Kind, b.ref.Kind), cmp.Compare(a.ref.Namespace, b.ref.Namespace),
			cmp.Compare(a.owner, b.owner), a.ref.Compare(b.ref))
	})
	rank := make([]uint32, len(objects))
	for r, id := range order {
		rank[id] = uint32(r)
	}
	for i := range places {
		places[i].rank = rank[places[i].rank]
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.nanos, b.nanos), cmp.Compare(a.block, b.block), cmp.Compare(a.i, b.i))
	})
	return places
}

// sealer writes a segment.
type sealer struct {
	encoder *zstd.Encoder
	w       *bufio.Writer
	at      int64
	index   index
	entries []uint64
	builder block.Builder
	raw     []byte
	frame   []byte
}

// seal writes the blocks' records as a segment.
func seal(c *codec, path string, number uint64, raws [][]byte) (err error) {
	blocks := make([]*block.Block, len(raws))
	first := make([]int, len(blocks)+1)
	for i, raw := range raws {
		if blocks[i], err = block.Parse(raw); err != nil {
			return err
		}
		first[i+1] = first[i] + blocks[i].Len()
	}
	return writeSegmentFile(c.small, path, number, func(s *sealer) error {
		for _, p := range sortByObject(blocks) {
			r, err := blocks[p.block].Record(int(p.i))
			if errors.Is(err, record.ErrUnknownType) {
				continue // it came from a log that a later version wrote
			}
			if err != nil {
				return err
			}
			if err := s.add(&r, first[p.block]+int(p.i)); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeSegmentFile writes what fill adds as a segment at path, which stands for
// those from the number first on. Until all of it is on disk the file has another
// name.
func writeSegmentFile(e *zstd.Encoder, path string, first uint64, fill func(*sealer) error) (err error) {
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	defer func() {
		f.Close()
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	s := &sealer{encoder: e, w: bufio.NewWriterSize(f, 256<<10), index: index{First: first}}
	if err := fill(s); err != nil {
		return err
	}
	if err := s.finish(); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func (s *sealer) add(r *record.Record, seq int) error {
	if s.builder.Len() > 0 && (s.builder.Len() >= blockRecords || s.builder.Size() >= blockBytes) {
		if err := s.flush(); err != nil {
			return err
		}
	}
	return s.builder.AddAt(r, seq)
}

// flush writes the collected block.
func (s *sealer) flush() error {
	if s.builder.Len() == 0 {
		return nil
	}
	s.raw = s.builder.Finish(s.raw[:0])
	b, err := block.Parse(s.raw)
	if err != nil {
		return err
	}
	s.frame = appendFrame(s.frame[:0], s.encoder, s.raw)
	oldest, newest := span(b)
	n := uint64(len(s.index.Blocks))
	if n >= 1<<blockBits {
		return fmt.Errorf("segment has more than %d blocks", 1<<blockBits)
	}
	s.index.Blocks = append(s.index.Blocks, blockInfo{
		At: s.at, Length: int32(len(s.frame)), Oldest: oldest, Newest: newest, Types: s.types(b), Records: int32(b.Len()),
	})
	for _, k := range keysOf(b) {
		s.entries = append(s.entries, uint64(k)|n)
	}
	return s.write(s.frame)
}

// types are the bits of the types that a block has.
func (s *sealer) types(b *block.Block) uint64 {
	var bits uint64
	for i := range b.Len() {
		t := slices.Index(s.index.Types, b.Type(i))
		if t < 0 {
			t = len(s.index.Types)
			s.index.Types = append(s.index.Types, b.Type(i))
		}
		bits |= 1 << t
	}
	return bits
}

// finish writes postings, index and tail.
func (s *sealer) finish() error {
	if err := s.flush(); err != nil {
		return err
	}
	slices.Sort(s.entries)
	s.entries = slices.Compact(s.entries)
	s.index.Entries = len(s.entries)
	for entries := range slices.Chunk(s.entries, pageEntries) {
		s.raw = s.raw[:0]
		for _, e := range entries {
			s.raw = binary.LittleEndian.AppendUint64(s.raw, e)
		}
		s.index.Pages = append(s.index.Pages, page{First: entries[0], Sum: crc32.Checksum(s.raw, castagnoli())})
		if err := s.write(s.raw); err != nil {
			return err
		}
	}
	at := s.at
	s.frame = appendFrame(s.frame[:0], s.encoder, s.index.encode())
	tail := binary.LittleEndian.AppendUint64(nil, uint64(at))
	tail = binary.LittleEndian.AppendUint32(tail, uint32(len(s.frame)))
	if err := s.write(append(append(s.frame, tail...), tailMagic...)); err != nil {
		return err
	}
	return s.w.Flush()
}

func (s *sealer) write(data []byte) error {
	n, err := s.w.Write(data)
	s.at += int64(n)
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
