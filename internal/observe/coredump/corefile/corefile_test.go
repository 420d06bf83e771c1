package corefile

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"
)

// sample is a core of two threads, without memory.
func sample() []byte {
	var notes bytes.Buffer
	for _, thread := range []struct{ id, signal int }{{7, 6}, {8, 0}} {
		status := make([]byte, atRegisters+27*8+statusFooter)
		binary.LittleEndian.PutUint16(status[atSignal:], uint16(thread.signal))
		binary.LittleEndian.PutUint32(status[atThread:], uint32(thread.id))
		binary.LittleEndian.PutUint64(status[atRegisters+16*8:], 0x1234)
		for _, n := range []uint32{5, uint32(len(status)), noteStatus} {
			_ = binary.Write(&notes, binary.LittleEndian, n)
		}
		notes.WriteString("CORE\x00\x00\x00\x00")
		notes.Write(status)
	}
	header := elf.Header64{Type: uint16(elf.ET_CORE), Machine: uint16(elf.EM_X86_64), Phoff: headerSize, Phentsize: programSize, Phnum: 2}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS], header.Ident[elf.EI_DATA] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB)
	start := uint64(headerSize + 2*programSize)
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, header)
	_ = binary.Write(&b, binary.LittleEndian, []elf.Prog64{
		{Type: uint32(elf.PT_NOTE), Off: start, Filesz: uint64(notes.Len())},
		{Type: uint32(elf.PT_LOAD), Off: 1 << 20, Filesz: 1 << 20},
	})
	b.Write(notes.Bytes())
	return b.Bytes()
}

func TestRead(t *testing.T) {
	core := append(sample(), "memory that is not read"...)
	r := bytes.NewReader(core)
	h, err := Read(r)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Threads) != 2 || h.Threads[0].ID != 7 || h.Threads[0].Signal != 6 || h.Threads[1].ID != 8 {
		t.Errorf("threads: %+v", h.Threads)
	}
	if got := h.Threads[0].Registers; len(got) != 27 || got[16] != 0x1234 {
		t.Errorf("registers: %x", got)
	}
	if h.Bytes != 2<<20 || h.Machine != elf.EM_X86_64 {
		t.Errorf("%d bytes of %s", h.Bytes, h.Machine)
	}
	if !bytes.Equal(h.Raw, sample()) || r.Len() != len("memory that is not read") {
		t.Errorf("%d bytes were read and %d kept, %d are left", len(core)-r.Len(), len(h.Raw), r.Len())
	}
}

func TestCutOff(t *testing.T) {
	core := sample()
	for n := range core {
		h, err := Read(bytes.NewReader(core[:n]))
		if err == nil {
			t.Fatalf("%d of %d bytes pass for a core", n, len(core))
		}
		if !bytes.Equal(h.Raw, core[:n]) {
			t.Fatalf("of %d bytes %d were kept", n, len(h.Raw))
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(sample())
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := Read(bytes.NewReader(b))
		if err == nil && len(h.Raw) > len(b) {
			t.Errorf("%d bytes of %d", len(h.Raw), len(b))
		}
	})
}
