package model

import (
	"iter"
	"runtime"
	"sync"

	"github.com/bulkhead-k8s/bulkhead/internal/diagnose/logline"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// prepared is a record with what can be made of it in any order.
type prepared struct {
	record.Record
	// value is the object of a whole state; err says why there is none.
	value APIObject
	err   error
	// told are the lines of a log that tell something.
	told []toldLine
}

type toldLine struct {
	at  int // its place among the record's lines
	hit logline.Hit
}

// prepare does what takes longest: to decode an object, to read a log's lines. It is
// safe for several goroutines.
func (m *Model) prepare(r record.Record) prepared {
	p := prepared{Record: r}
	switch payload := r.Payload.(type) {
	case *record.State:
		if !payload.Deleted && payload.Patch == nil {
			p.value, p.err = m.decode(Of(r.Object), payload.Whole)
		}
	case *record.Log:
		p.told = classify(payload.Lines)
	}
	return p
}

// classifyAtOnce is how many lines one core reads at a time: a log may be the whole
// dump.
const classifyAtOnce = 1 << 14

func classify(lines []string) []toldLine {
	if len(lines) <= classifyAtOnce {
		return classifyPart(lines, 0)
	}
	parts := make([][]toldLine, (len(lines)+classifyAtOnce-1)/classifyAtOnce)
	var all sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for n := range parts {
		slots <- struct{}{}
		all.Go(func() {
			from := n * classifyAtOnce
			parts[n] = classifyPart(lines[from:min(len(lines), from+classifyAtOnce)], from)
			<-slots
		})
	}
	all.Wait()
	var out []toldLine
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func classifyPart(lines []string, from int) (out []toldLine) {
	for n, line := range lines {
		if hit, ok := logline.Classify(line); ok {
			out = append(out, toldLine{from + n, hit})
		}
	}
	return out
}

// Load takes records in their order, as Add does one by one. They are prepared on
// all cores.
func (m *Model) Load(records iter.Seq[record.Record]) {
	const batch = 64
	procs := runtime.GOMAXPROCS(0)
	// order has a channel for each batch, in the records' order; its length bounds
	// how many are prepared ahead.
	order := make(chan chan []prepared, 2*procs)
	go func() {
		defer close(order)
		send := func(in []record.Record) {
			done := make(chan []prepared, 1)
			order <- done
			go func() {
				out := make([]prepared, len(in))
				for i, r := range in {
					out[i] = m.prepare(r)
				}
				done <- out
			}()
		}
		in := make([]record.Record, 0, batch)
		for r := range records {
			if in = append(in, r); len(in) == batch {
				send(in)
				in = make([]record.Record, 0, batch)
			}
		}
		send(in)
	}()
	for done := range order {
		for _, p := range <-done {
			m.add(p)
		}
	}
}
