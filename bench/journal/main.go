package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal"
)

func main() {
	b := bench{}
	flag.IntVar(&b.records, "records", 10_000_000, "how many records are written")
	flag.IntVar(&b.pods, "pods", 10_000, "how many pods there are at a time")
	flag.StringVar(&b.dir, "dir", "", "empty folder for the journal; default a temporary one")
	out := flag.String("write", "", "write the records to this file, for bench/journal/pebble, and end")
	flag.Parse()
	// One core is the target, whatever the machine has.
	runtime.GOMAXPROCS(1)
	do := b.run
	if *out != "" {
		do = func(context.Context) error { return b.writeFile(*out) }
	}
	if err := do(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "journal:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	records, pods int
	dir           string
}

func (b *bench) run(ctx context.Context) error {
	if b.dir == "" {
		dir, err := os.MkdirTemp("", "journal-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		b.dir = dir
	}
	fmt.Printf("go run ./bench/journal -records %d -pods %d; load before: %s\n\n", b.records, b.pods, load())
	generation := b.generate()
	w, err := b.write(ctx)
	if err != nil {
		return err
	}
	queries, err := b.query(ctx, w.mix)
	if err != nil {
		return err
	}
	opens, err := b.open()
	if err != nil {
		return err
	}
	b.report(generation, w, queries, opens)
	return nil
}

// options keep everything, and have the defaults otherwise.
func options() journal.Options { return journal.Options{MaxBytes: 1 << 50, MaxAge: -1} }

// generate is what making the records costs by itself.
func (b *bench) generate() cost {
	m := newMix(b.pods)
	n := min(b.records, 300_000)
	c := startCost()
	for range n {
		m.next()
	}
	return c.per(n)
}

// written is what writing gave.
type written struct {
	mix   *mix
	cost  cost // a record
	took  time.Duration
	stats journal.Stats
	peak  int64
	full  int // how often the queue was full
}

// write hands over records in batches of 100, as fast as the journal takes them,
// until all are sealed or in the log and synced.
func (b *bench) write(ctx context.Context) (*written, error) {
	j, err := journal.Open(b.dir, options())
	if err != nil {
		return nil, err
	}
	w := &written{mix: newMix(b.pods)}
	c := startCost()
	batch := w.mix.batch(100)
	for done := 0; done < b.records; {
		if err := j.Append(batch...); err != nil {
			// The queue is full: wait as a source would, until it is empty.
			w.full++
			if err := j.Sync(ctx); err != nil {
				return nil, err
			}
			continue
		}
		done += len(batch)
		batch = w.mix.batch(100)
	}
	if err := j.Sync(ctx); err != nil {
		return nil, err
	}
	// Close waits for the segment that is being sealed.
	if err := j.Close(); err != nil {
		return nil, err
	}
	w.took = c.elapsed()
	w.cost = c.per(b.records)
	w.peak = peakBytes()
	if j, err = journal.Open(b.dir, options()); err != nil {
		return nil, err
	}
	// What was being merged when it was closed is merged now.
	for same := 0; same < 20; same++ {
		time.Sleep(100 * time.Millisecond)
		if s := j.Stats(); s.Segments != w.stats.Segments {
			w.stats, same = s, 0
		}
	}
	w.stats = j.Stats()
	return w, j.Close()
}
