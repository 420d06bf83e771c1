package journal

import (
	"errors"
	"io"
	"math"
	"os"
	"slices"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/block"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// cursor gives the wanted records of one source in order. It knows where they
// are; the blocks come from the query's cache, or are read again.
type cursor struct {
	found  []found
	order  int
	sorted bool            // by object: blocks are not in the order of seq
	tail   []record.Record // of a memtable: those with block -1
	load   func(n int32) (*block.Block, error)
	damage []error
	file   io.Closer
	id     int // in the cache
}

// found is a wanted record's place.
type found struct {
	nanos    int64
	seq      int32 // among those of one time; a segment has far fewer records
	block, i int32
}

func (c *cursor) done() bool { return len(c.found) == 0 }

// position is the next record's time; reversed, its negative.
func (c *cursor) position(reverse bool) int64 {
	if reverse {
		return -c.found[0].nanos
	}
	return c.found[0].nanos
}

func (c *cursor) close() {
	if c.file != nil {
		c.file.Close()
		c.file = nil
	}
}

func (c *cursor) next(cache *blockCache) (record.Record, error) {
	f := c.found[0]
	c.found = c.found[1:]
	if f.block < 0 {
		return c.tail[f.i], nil
	}
	b, err := cache.get(c, f.block)
	if err != nil {
		return record.Record{}, err
	}
	return b.Record(int(f.i))
}

// collect looks through blocks for what is wanted and sorts it.
func (c *cursor) collect(q *query, cache *blockCache, numbers []int32) error {
	c.id = cache.nextID()
	for _, n := range numbers {
		b, err := cache.get(c, n)
		if d := (*Damage)(nil); errors.As(err, &d) {
			c.damage = append(c.damage, d)
			continue
		}
		if err != nil {
			return err
		}
		for i := range b.Len() {
			if q.inBlock(b, i) {
				c.found = append(c.found, found{b.Nanos(i), int32(b.Seq(i)), n, int32(i)})
			}
		}
	}
	for i := range c.tail {
		if q.matches(&c.tail[i]) {
			c.found = append(c.found, found{block.Nanos(c.tail[i].Time), 0, -1, int32(i)})
		}
	}
	slices.SortStableFunc(c.found, func(a, b found) int {
		if !c.sorted || a.nanos != b.nanos {
			return compare(a.nanos, b.nanos)
		}
		return compare(int64(a.seq), int64(b.seq))
	})
	if q.Reverse {
		slices.Reverse(c.found)
	}
	if q.Limit > 0 && len(c.found) > q.Limit {
		c.found = c.found[:q.Limit:q.Limit]
	}
	return nil
}

func (j *Journal) openSegmentCursor(s *segment, q *query, cache *blockCache) (*cursor, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	c := &cursor{file: f, sorted: true, load: func(n int32) (*block.Block, error) {
		info := s.Blocks[n]
		b, err := j.readBlock(f, info)
		if err != nil {
			d := &Damage{File: s.path, Offset: info.At, Bytes: int64(info.Length), Err: err}
			j.damaged(d)
			return nil, d
		}
		return b, nil
	}}
	numbers, err := s.candidates(f, q)
	if d := (*Damage)(nil); errors.As(err, &d) {
		// Without postings, all blocks are looked through.
		j.damaged(d)
		all := *q
		all.keys = nil
		numbers, err = s.candidates(f, &all)
	}
	if err == nil {
		err = c.collect(q, cache, numbers)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	if len(c.found) == 0 {
		c.close()
	}
	return c, nil
}

func (j *Journal) readBlock(f io.ReaderAt, info blockInfo) (*block.Block, error) {
	raw, err := j.codec.readFrame(f, info.At, int(info.Length))
	if err != nil {
		return nil, err
	}
	return block.Parse(raw)
}

func openMemCursor(v *memView, q *query, cache *blockCache) (*cursor, error) {
	c := &cursor{tail: v.tail, load: func(n int32) (*block.Block, error) { return block.Parse(v.blocks[n].raw) }}
	return c, c.collect(q, cache, v.wanted)
}

// blockCache keeps the blocks that a query used last, so that one over all
// records reads most blocks once and yet needs bounded memory.
type blockCache struct {
	blocks map[cacheKey]*cached
	bytes  int
	clock  int
	ids    int
}

type cacheKey struct {
	id int
	n  int32
}

type cached struct {
	block *block.Block
	used  int
}

// cacheBytes is more than the blocks of two segments take.
const cacheBytes = 96 << 20

func newBlockCache() *blockCache { return &blockCache{blocks: map[cacheKey]*cached{}} }

func (c *blockCache) nextID() int { c.ids++; return c.ids }

func (c *blockCache) get(cur *cursor, n int32) (*block.Block, error) {
	k := cacheKey{cur.id, n}
	c.clock++
	if e := c.blocks[k]; e != nil {
		e.used = c.clock
		return e.block, nil
	}
	b, err := cur.load(n)
	if err != nil {
		return nil, err
	}
	c.blocks[k] = &cached{b, c.clock}
	c.bytes += b.Size()
	if c.bytes > cacheBytes {
		c.evict()
	}
	return b, nil
}

// evict drops the half that was used longest ago.
func (c *blockCache) evict() {
	ages := make([]int, 0, len(c.blocks))
	for _, e := range c.blocks {
		ages = append(ages, e.used)
	}
	slices.Sort(ages)
	limit := math.MaxInt
	if len(ages) > 1 {
		limit = ages[len(ages)/2]
	}
	for k, e := range c.blocks {
		if e.used < limit {
			c.bytes -= e.block.Size()
			delete(c.blocks, k)
		}
	}
}
