// Command pebble puts the records of a file into Pebble, for comparison with the
// journal. It is a module of its own: Pebble is no dependency of Bulkhead.
//
//	go run ./bench/journal -records 1000000 -write /tmp/records.bin
//	cd bench/journal/pebble && go run . -records /tmp/records.bin
//
// The file has, for each record: hash of the object (8 bytes), time (8 bytes),
// length of the JSON (4 bytes), all big-endian, and the record as JSON. Records
// are kept by object and time, which is how Pebble finds an object's history
// quickest, with a second key by time for reading all in order of time.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable/block"
)

func main() {
	in := flag.String("records", "", "file with records")
	dir := flag.String("dir", "", "empty folder for the database; default a temporary one")
	flag.Parse()
	if err := run(*in, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "pebble:", err)
		os.Exit(1)
	}
}

func run(in, dir string) error {
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "pebble-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	opts := &pebble.Options{Logger: quiet{}, MemTableSize: 16 << 20, FormatMajorVersion: pebble.FormatNewest}
	opts.ApplyCompressionSettings(func() pebble.DBCompressionSettings {
		return pebble.UniformDBCompressionSettings(block.ZstdCompression)
	})
	db, err := pebble.Open(dir, opts)
	if err != nil {
		return err
	}
	n, objects, took, err := write(db, in)
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	size, err := bytesBelow(dir)
	if err != nil {
		return err
	}
	began := time.Now()
	if db, err = pebble.Open(dir, opts); err != nil {
		return err
	}
	defer db.Close()
	opened := time.Since(began)
	median, worst, err := query(db, objects)
	if err != nil {
		return err
	}
	fmt.Printf("| Pebble | %.0f/s | %.1f µs | %.1f B | %v | %v | %v |\n", float64(n)/took.wall.Seconds(), float64(took.cpu.Microseconds())/float64(n),
		float64(size)/float64(n), median, worst, opened.Round(time.Millisecond))
	return nil
}

type cost struct{ wall, cpu time.Duration }

// write puts all records in, in batches of 1,024 that are synced once a second,
// and waits for compaction, so that the size is the final one.
func write(db *pebble.DB, in string) (n int, objects [][]byte, took cost, err error) {
	f, err := os.Open(in)
	if err != nil {
		return 0, nil, took, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<20)
	seen := map[string]bool{}
	began, cpu, synced := time.Now(), cpuTime(), time.Now()
	batch := db.NewBatch()
	commit := func() error {
		how := pebble.NoSync
		if time.Since(synced) > time.Second {
			how, synced = pebble.Sync, time.Now()
		}
		err := batch.Commit(how)
		batch = db.NewBatch()
		return err
	}
	var head [20]byte
	for ; ; n++ {
		if _, err := io.ReadFull(r, head[:]); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return n, nil, took, err
		}
		value := make([]byte, binary.BigEndian.Uint32(head[16:]))
		if _, err := io.ReadFull(r, value); err != nil {
			return n, nil, took, err
		}
		if o := string(head[:8]); !seen[o] {
			seen[o] = true
			objects = append(objects, []byte(o))
		}
		seq := binary.BigEndian.AppendUint32(nil, uint32(n))
		byObject := slices.Concat([]byte("o"), head[:16], seq)
		byTime := slices.Concat([]byte("t"), head[8:16], seq)
		if err := errors.Join(batch.Set(byObject, value, nil), batch.Set(byTime, head[:8], nil)); err != nil {
			return n, nil, took, err
		}
		if batch.Count() >= 2048 {
			if err := commit(); err != nil {
				return n, nil, took, err
			}
		}
	}
	if err := commit(); err != nil {
		return n, nil, took, err
	}
	if err := db.Flush(); err != nil {
		return n, nil, took, err
	}
	for db.Metrics().Compact.NumInProgress > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	return n, objects, cost{time.Since(began), cpuTime() - cpu}, nil
}

// query reads the whole history of 200 objects.
func query(db *pebble.DB, objects [][]byte) (median, worst time.Duration, err error) {
	var took []time.Duration
	for i := 0; i < len(objects); i += max(1, len(objects)/200) {
		began := time.Now()
		from := append([]byte("o"), objects[i]...)
		to := slices.Clone(from)
		for j := len(to) - 1; j >= 0; j-- {
			if to[j]++; to[j] != 0 {
				break
			}
		}
		it, err := db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
		if err != nil {
			return 0, 0, err
		}
		n := 0
		for it.First(); it.Valid(); it.Next() {
			n += len(it.Value())
		}
		if err := it.Close(); err != nil || n == 0 {
			return 0, 0, fmt.Errorf("an object has no records: %w", err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2].Round(10 * time.Microsecond), took[len(took)-1].Round(10 * time.Microsecond), nil
}

func bytesBelow(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// quiet drops Pebble's log.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}
