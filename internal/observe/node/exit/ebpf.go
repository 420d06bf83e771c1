package exit

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
)

// ringBytes holds some 600 exits that were not read yet.
const ringBytes = 256 << 10

// BPF watches by a program in the kernel.
type BPF struct {
	ring    *ebpf.Map
	program *ebpf.Program
	link    link.Link
}

// OpenBPF loads the program. It fails without CAP_BPF and CAP_PERFMON, where BPF
// is locked down, before Linux 5.8, and on kernels without type information.
func OpenBPF() (_ *BPF, err error) {
	l, err := kernelLayout()
	if err != nil {
		return nil, err
	}
	b := new(BPF)
	defer func() {
		if err != nil {
			b.Close()
		}
	}()
	b.ring, err = ebpf.NewMap(&ebpf.MapSpec{Name: "bulkhead_exits", Type: ebpf.RingBuf, MaxEntries: ringBytes})
	if err != nil {
		return nil, fmt.Errorf("make the ring for exits: %w", err)
	}
	b.program, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "bulkhead_exit", Type: ebpf.RawTracepoint, License: "GPL", // which the helpers that read memory ask for
		Instructions: instructions(l, b.ring.FD()),
	})
	if err != nil {
		return nil, fmt.Errorf("load the program for exits: %w", err)
	}
	// A raw tracepoint needs no mounted tracefs.
	b.link, err = link.AttachRawTracepoint(link.RawTracepointOptions{Name: "sched_process_exit", Program: b.program})
	if err != nil {
		return nil, fmt.Errorf("attach to sched_process_exit: %w", err)
	}
	return b, nil
}

// Name is the mechanism's.
func (*BPF) Name() string { return "eBPF" }

// Close takes the program out of the kernel.
func (b *BPF) Close() {
	if b.link != nil {
		b.link.Close()
	}
	if b.program != nil {
		b.program.Close()
	}
	if b.ring != nil {
		b.ring.Close()
	}
}

// Run reads events until ctx ends.
func (b *BPF) Run(ctx context.Context, f func(Event), _ func(uint64)) error {
	reader, err := ringbuf.NewReader(b.ring)
	if err != nil {
		return fmt.Errorf("read the ring of exits: %w", err)
	}
	defer reader.Close()
	defer context.AfterFunc(ctx, func() { reader.Close() })()
	var r ringbuf.Record
	for {
		err := reader.ReadInto(&r)
		if errors.Is(err, os.ErrClosed) || ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read the ring of exits: %w", err)
		}
		if e, ok := decode(r.RawSample); ok {
			e.Time = time.Now()
			f(e)
		}
	}
}

func decode(raw []byte) (Event, bool) {
	if len(raw) < eventSize {
		return Event{}, false
	}
	word := func(at int) uint32 { return binary.NativeEndian.Uint32(raw[at:]) }
	code := word(atCode)
	e := Event{
		PID: int(word(atPID)), Signal: int(code & 0x7f), CoreDumped: code&0x80 != 0,
		Main:    word(atInnerPID) == 1 && word(atLevel) > 0,
		Command: text(raw[atComm : atComm+16]),
	}
	for i := range levels {
		name := text(raw[atNames+i*nameSize : atNames+(i+1)*nameSize])
		if name == "" {
			break
		}
		e.Cgroups = append(e.Cgroups, name)
	}
	return e, true
}

func text(b []byte) string {
	if end := bytes.IndexByte(b, 0); end >= 0 {
		b = b[:end]
	}
	return string(b)
}
