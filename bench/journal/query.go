package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// asked is how long one kind of query took.
type asked struct {
	name    string
	took    []time.Duration
	cpu     time.Duration // of one, on average: a busy machine changes it less
	records int           // of all of them
}

// query asks for objects that differ each time: the journal keeps no blocks
// between queries, the kernel may.
func (b *bench) query(ctx context.Context, m *mix) ([]asked, error) {
	j, err := journal.Open(b.dir, options())
	if err != nil {
		return nil, err
	}
	defer j.Close()
	var all []asked
	for _, kind := range []struct {
		name   string
		times  int
		filter func(p *pod) journal.Filter
	}{
		{"whole history of a pod", 200, func(p *pod) journal.Filter { return journal.Filter{Object: p.ref} }},
		{"its last 100 records", 200, func(p *pod) journal.Filter { return journal.Filter{Object: p.ref, Limit: 100, Reverse: true} }},
		{"its last state", 200, func(p *pod) journal.Filter {
			return journal.Filter{Object: p.ref, Limit: 1, Reverse: true, Types: []record.Type{record.TypeState}}
		}},
		{"a Deployment's last hour, with its pods", 50, func(p *pod) journal.Filter {
			return journal.Filter{Object: p.owners[1], Owned: true, From: m.now.Add(-time.Hour)}
		}},
		{"a node's last 10 minutes", 10, func(p *pod) journal.Filter {
			return journal.Filter{Node: p.node, From: m.now.Add(-10 * time.Minute)}
		}},
		{"all of the last 10 minutes", 5, func(*pod) journal.Filter { return journal.Filter{From: m.now.Add(-10 * time.Minute)} }},
	} {
		a := asked{name: kind.name}
		c := startCost()
		for i := range kind.times {
			f := kind.filter(m.pods[i*len(m.pods)/kind.times])
			began := time.Now()
			for _, err := range j.Query(ctx, f) {
				if err != nil {
					return nil, err
				}
				a.records++
			}
			a.took = append(a.took, time.Since(began))
		}
		a.cpu = time.Duration(c.per(kind.times).cpu * 1e9)
		slices.Sort(a.took)
		all = append(all, a)
	}
	return all, nil
}

// opened is how long opening a journal took.
type opened struct {
	name  string
	bytes int64
	took  time.Duration
}

// open opens the journal as it is, and one of 1 GB: the same segments under
// several numbers, with a log as a crash leaves it.
func (b *bench) open() ([]opened, error) {
	as := func(name, dir string) (opened, error) {
		began := time.Now()
		j, err := journal.Open(dir, options())
		if err != nil {
			return opened{}, err
		}
		took := time.Since(began)
		return opened{name, j.Stats().Bytes, took}, j.Close()
	}
	small, err := as("opening it", b.dir)
	if err != nil {
		return nil, err
	}
	large := b.dir + ".1gb"
	if err := os.Mkdir(large, 0o700); err != nil {
		return nil, err
	}
	defer os.RemoveAll(large)
	if err := multiply(b.dir, large, 1_000_000_000); err != nil {
		return nil, err
	}
	if err := b.crash(large); err != nil {
		return nil, err
	}
	big, err := as("opening 1 GB with a full log", large)
	return []opened{small, big}, err
}

// multiply links the segments of one folder into another until they are so large.
func multiply(from, to string, bytes int64) error {
	var segments []string
	ext := ""
	for _, ext = range []string{".merged", ".seg"} {
		var err error
		if segments, err = filepath.Glob(filepath.Join(from, "*"+ext)); err != nil {
			return err
		}
		if len(segments) > 0 {
			break
		}
	}
	if len(segments) == 0 {
		return fmt.Errorf("no segments in %s", from)
	}
	for n := 1; bytes > 0; n++ {
		s := segments[n%len(segments)]
		info, err := os.Stat(s)
		if err != nil {
			return err
		}
		if err := os.Link(s, filepath.Join(to, fmt.Sprintf("%016d%s", n, ext))); err != nil {
			return err
		}
		bytes -= info.Size()
	}
	return nil
}

// crash leaves a log that is nearly full, as an end just before sealing would.
func (b *bench) crash(dir string) error {
	j, err := journal.Open(dir, options())
	if err != nil {
		return err
	}
	m := newMix(b.pods)
	for range 45 {
		if err := j.Append(m.batch(1000)...); err != nil {
			return err
		}
		if err := j.Sync(context.Background()); err != nil {
			return err
		}
	}
	return j.Close()
}
