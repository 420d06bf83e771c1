// Package corefile reads the head of a core as the kernel writes it: the threads
// with their registers and signal. The memory that follows is not touched, so that
// a core can be understood from its first kilobytes, out of a pipe.
package corefile

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrTooLarge indicates a head that is larger than any real process's.
var ErrTooLarge = errors.New("the head of the core is too large")

// maxHead is some ten thousand threads.
const maxHead = 64 << 20

// Head is what a core says before its memory.
type Head struct {
	Machine elf.Machine
	// Threads are in the kernel's order: first the one that got the signal.
	Threads []Thread
	// Bytes is the size of the whole core.
	Bytes int64
	// Raw is what was read.
	Raw []byte
}

// Thread is one thread at the time of the dump.
type Thread struct {
	ID     int
	Signal int
	// Registers are in the order of the kernel's user_regs_struct.
	Registers []uint64
}

const (
	headerSize   = 64
	programSize  = 56
	noteStatus   = 1 // NT_PRSTATUS
	atSignal     = 12
	atThread     = 32
	atRegisters  = 112
	statusFooter = 8 // pr_fpvalid
)

// Read reads the head from the beginning of a core.
func Read(r io.Reader) (*Head, error) {
	h := new(Head)
	raw := bytes.NewBuffer(nil)
	r = io.TeeReader(r, raw)
	defer func() { h.Raw = raw.Bytes() }()

	var header elf.Header64
	if err := binary.Read(r, binary.LittleEndian, &header); err != nil {
		return h, fmt.Errorf("read a core: %w", err)
	}
	if !bytes.HasPrefix(header.Ident[:], []byte(elf.ELFMAG)) || elf.Class(header.Ident[elf.EI_CLASS]) != elf.ELFCLASS64 ||
		elf.Data(header.Ident[elf.EI_DATA]) != elf.ELFDATA2LSB || elf.Type(header.Type) != elf.ET_CORE {
		return h, errors.New("read a core: it is no 64-bit ELF core of this kind of machine")
	}
	if header.Phoff != headerSize || header.Phentsize != programSize || header.Phnum == 0xffff {
		return h, errors.New("read a core: its list of segments is not where Linux writes it")
	}
	h.Machine = elf.Machine(header.Machine)
	programs := make([]elf.Prog64, header.Phnum)
	if err := binary.Read(r, binary.LittleEndian, programs); err != nil {
		return h, fmt.Errorf("read a core's segments: %w", err)
	}
	at := uint64(headerSize + programSize*len(programs))
	for _, p := range programs {
		h.Bytes = max(h.Bytes, int64(min(p.Off+p.Filesz, 1<<62)))
	}
	for _, p := range programs {
		if elf.ProgType(p.Type) != elf.PT_NOTE {
			continue
		}
		if p.Off < at || p.Off-at > maxHead || p.Filesz > maxHead {
			return h, ErrTooLarge
		}
		if _, err := io.CopyN(io.Discard, r, int64(p.Off-at)); err != nil {
			return h, fmt.Errorf("read a core's notes: %w", err)
		}
		notes := new(bytes.Buffer)
		if _, err := io.CopyN(notes, r, int64(p.Filesz)); err != nil {
			return h, fmt.Errorf("read a core's notes: %w", err)
		}
		h.notes(notes.Bytes())
		return h, nil
	}
	return h, errors.New("read a core: it has no notes")
}

func (h *Head) notes(b []byte) {
	for len(b) >= 12 {
		nameSize, size := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		kind := binary.LittleEndian.Uint32(b[8:])
		start := 12 + align(uint64(nameSize))
		end := start + align(uint64(size))
		if start+uint64(size) > uint64(len(b)) {
			return
		}
		if name := string(bytes.TrimRight(b[12:12+nameSize], "\x00")); name == "CORE" && kind == noteStatus {
			h.status(b[start : start+uint64(size)])
		}
		b = b[min(end, uint64(len(b))):]
	}
}

func align(n uint64) uint64 { return (n + 3) &^ 3 }

func (h *Head) status(b []byte) {
	if len(b) < atRegisters+statusFooter {
		return
	}
	t := Thread{
		ID:     int(binary.LittleEndian.Uint32(b[atThread:])),
		Signal: int(binary.LittleEndian.Uint16(b[atSignal:])),
	}
	for at := atRegisters; at+8 <= len(b)-statusFooter; at += 8 {
		t.Registers = append(t.Registers, binary.LittleEndian.Uint64(b[at:]))
	}
	h.Threads = append(h.Threads, t)
}
