package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"strings"
	"syscall"
	"time"
)

// The targets of one core.
const (
	targetRate  = 30_000
	targetBytes = 80
	targetQuery = 20 * time.Millisecond
	targetOpen  = time.Second
)

func (b *bench) report(generation cost, w *written, queries []asked, opens []opened) {
	var parts []string
	for _, s := range shares {
		parts = append(parts, fmt.Sprintf("%d %% %s", s.percent, s.name))
	}
	fmt.Printf("Mix: %s; of %d pods at a time; %.0f bytes a record as JSON.\n\n", strings.Join(parts, ", "), b.pods, b.jsonBytes())
	fmt.Println("| what | figure | target |")
	fmt.Println("|---|---:|---:|")
	row := func(what, figure, target string) { fmt.Printf("| %s | %s | %s |\n", what, figure, target) }
	row("records written", fmt.Sprintf("%d in %.0f s", b.records, w.took.Seconds()), "")
	row("ingest, one core, by the clock, making the records included", fmt.Sprintf("%.0f/s", 1/w.cost.wall), fmt.Sprintf("%d/s", targetRate))
	row("CPU a record (µs), or of a million (s), all included", fmt.Sprintf("%.1f", w.cost.cpu*1e6), fmt.Sprintf("%.1f", 1e6/float64(targetRate)))
	row("… of which making it", fmt.Sprintf("%.1f", generation.cpu*1e6), "")
	row("so the journal's CPU allows", fmt.Sprintf("%.0f/s", 1/(w.cost.cpu-generation.cpu)), fmt.Sprintf("%d/s", targetRate))
	row("on disk, index included", fmt.Sprintf("%.1f B a record", float64(w.stats.Bytes)/float64(w.stats.Records)), fmt.Sprintf("%d B", targetBytes))
	row("segments", fmt.Sprint(w.stats.Segments), "")
	row("queue full", fmt.Sprintf("%d times", w.full), "")
	row("peak resident memory while writing", fmt.Sprintf("%.0f MB", float64(w.peak)/1e6), "")
	for _, q := range queries {
		target := ""
		if strings.HasPrefix(q.name, "whole history") {
			target = targetQuery.String()
		}
		n := len(q.took)
		row(fmt.Sprintf("%s (%d records): CPU; median, 99 %%, worst", q.name, q.records/n),
			fmt.Sprintf("%v; %v, %v, %v", round(q.cpu), round(q.took[n/2]), round(q.took[n*99/100]), round(q.took[n-1])), target)
	}
	for _, o := range opens {
		row(fmt.Sprintf("%s (%.0f MB)", o.name, float64(o.bytes)/1e6), round(o.took).String(), targetOpen.String())
	}
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

func (b *bench) jsonBytes() float64 {
	m := newMix(b.pods)
	total, n := 0, 20_000
	for range n {
		data, err := json.Marshal(m.next())
		if err != nil {
			return 0
		}
		total += len(data) + 1
	}
	return float64(total) / float64(n)
}

// cost is seconds, by the clock and of the processor.
type cost struct{ wall, cpu float64 }

type costStart struct {
	wall time.Time
	cpu  float64
}

func startCost() costStart { return costStart{time.Now(), cpuSeconds()} }

func (c costStart) elapsed() time.Duration { return time.Since(c.wall) }

func (c costStart) per(n int) cost {
	return cost{c.elapsed().Seconds() / float64(n), (cpuSeconds() - c.cpu) / float64(n)}
}

func usage() syscall.Rusage {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it fails only for wrong arguments
	}
	return u
}

func cpuSeconds() float64 {
	u := usage()
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func peakBytes() int64 { return usage().Maxrss << 10 }

func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(data), " ")
	return one
}

// writeFile writes the records in the form that bench/journal/pebble reads.
func (b *bench) writeFile(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	m := newMix(b.pods)
	for range b.records {
		r := m.next()
		data, err := json.Marshal(r)
		if err != nil {
			return err
		}
		h := fnv.New64a()
		fmt.Fprint(h, r.Object)
		head := h.Sum(nil)
		head = binary.BigEndian.AppendUint64(head, uint64(r.Time.UnixNano()))
		head = binary.BigEndian.AppendUint32(head, uint32(len(data)))
		if _, err := w.Write(append(head, data...)); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
