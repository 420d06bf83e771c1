package stack

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/go-delve/delve/pkg/dwarf/frame"
)

// frameTable finds the call frame information of an address by the sorted table
// in .eh_frame_hdr, so that of a large program's megabytes only one entry is read.
type frameTable struct {
	header  uint64 // the table's address
	entries int    // 8 bytes each
	// all is for files without the table, as statically linked ones; read when it
	// is needed.
	all  frame.FrameDescriptionEntries
	read bool
}

// maxFrames is the largest .eh_frame that is read as a whole.
const maxFrames = 16 << 20

const (
	frameHeader = 12
	// pointers are 4 bytes, signed, from the table: what all linkers write.
	tableEncoding = 0x3b
	countEncoding = 0x03
	maxEntry      = 1 << 16
)

var errNoFrame = errors.New("no call frame information")

// find reads the header; without one that is understood, the table is empty.
func (t *frameTable) find(file *elf.File) {
	for _, p := range file.Progs {
		if p.Type != elf.PT_GNU_EH_FRAME || p.Filesz < frameHeader {
			continue
		}
		b := make([]byte, frameHeader)
		if _, err := p.ReadAt(b, 0); err != nil || b[0] != 1 || b[2] != countEncoding || b[3] != tableEncoding {
			return
		}
		count := uint64(binary.LittleEndian.Uint32(b[8:]))
		t.header, t.entries = p.Vaddr, int(min(count, (p.Filesz-frameHeader)/8))
		return
	}
}

// rules are how to undo the frame at an address of the file.
func (m *module) rules(address uint64) (ctx *frame.FrameContext, err error) {
	// The library trusts what it reads; files of containers deserve none.
	defer func() {
		if r := recover(); r != nil {
			ctx, err = nil, fmt.Errorf("call frame information of %#x: %v", address, r)
		}
	}()
	if m.frames.entries == 0 {
		return m.searchAll(address)
	}
	at, err := m.entryOf(address)
	if err != nil {
		return nil, err
	}
	entry, err := m.record(at)
	if err != nil {
		return nil, err
	}
	if len(entry) < 8 {
		return nil, errNoFrame
	}
	common, err := m.record(at + 4 - uint64(binary.LittleEndian.Uint32(entry[4:])))
	if err != nil {
		return nil, err
	}
	// Both, one after the other, are a whole .eh_frame for the library: the entry
	// points back at the common part, and lies where it lies in the file, since
	// its addresses are relative.
	start := uint64(len(common))
	binary.LittleEndian.PutUint32(entry[4:], uint32(start+4))
	parsed, err := frame.Parse(append(common, entry...), binary.LittleEndian, 0, 8, at-start)
	if err != nil {
		return nil, fmt.Errorf("call frame information of %#x: %w", address, err)
	}
	if len(parsed) != 1 || !parsed[0].Cover(address) {
		return nil, errNoFrame
	}
	return parsed[0].EstablishFrame(address)
}

// searchAll is for files without the table.
func (m *module) searchAll(address uint64) (*frame.FrameContext, error) {
	if !m.frames.read {
		m.frames.read = true
		section := m.file.Section(".eh_frame")
		if section == nil || section.Size > maxFrames {
			return nil, errNoFrame
		}
		data, err := section.Data()
		if err != nil {
			return nil, errNoFrame
		}
		if m.frames.all, err = frame.Parse(data, binary.LittleEndian, 0, 8, section.Addr); err != nil {
			return nil, fmt.Errorf("call frame information: %w", err)
		}
	}
	for _, entry := range m.frames.all {
		if entry.Cover(address) {
			return entry.EstablishFrame(address)
		}
	}
	return nil, errNoFrame
}

// entryOf searches the table.
func (m *module) entryOf(address uint64) (uint64, error) {
	t := m.frames
	low, high := 0, t.entries
	var found int32
	ok := false
	for low < high {
		middle := (low + high) / 2
		b, err := m.at(t.header+frameHeader+8*uint64(middle), 8)
		if err != nil || len(b) < 8 {
			return 0, errNoFrame
		}
		first := t.header + uint64(int64(int32(binary.LittleEndian.Uint32(b))))
		if first > address {
			high = middle
			continue
		}
		found, ok = int32(binary.LittleEndian.Uint32(b[4:])), true
		low = middle + 1
	}
	if !ok {
		return 0, errNoFrame
	}
	return t.header + uint64(int64(found)), nil
}

// record is one entry of .eh_frame with its length.
func (m *module) record(at uint64) ([]byte, error) {
	head, err := m.at(at, 4)
	if err != nil || len(head) < 4 {
		return nil, errNoFrame
	}
	size := binary.LittleEndian.Uint32(head)
	if size < 4 || size > maxEntry {
		return nil, errNoFrame
	}
	b, err := m.at(at, int(size)+4)
	if err != nil || len(b) < int(size)+4 {
		return nil, errNoFrame
	}
	return b, nil
}
