package stack

import (
	"debug/dwarf"
	"debug/elf"
	"debug/gosym"
	"fmt"
	"path"
	"sort"
	"strings"

	"github.com/ianlancetaylor/demangle"
)

const (
	// Larger debug information takes longer to read than a crash should wait.
	maxDebugInfo = 64 << 20
	maxName      = 200
)

// symbols names the functions of one file.
type symbols struct {
	functions []elf.Symbol // sorted by address
	lines     *gosym.LineTable
	golang    *gosym.Table
	debug     *dwarf.Data
}

// describe is how people read a frame: "function at file.c:12 (program)".
func (p *Process) describe(m *mapping, pc, back uint64) string {
	if m == nil {
		return fmt.Sprintf("%#x (no code there)", pc)
	}
	file := p.module(m)
	if file == nil {
		return fmt.Sprintf("%#x (%s)", pc, m.name())
	}
	if file.symbols == nil {
		file.symbols = file.readSymbols()
	}
	address := pc - file.bias
	name, line, offset := file.symbols.find(address - back)
	switch {
	case line != "":
		return fmt.Sprintf("%s at %s (%s)", name, line, m.name())
	case name != "":
		return fmt.Sprintf("%s+%#x (%s)", name, offset+back, m.name())
	}
	return fmt.Sprintf("%#x (%s+%#x)", pc, m.name(), address)
}

// readSymbols takes what the file has; nothing is an empty set.
func (m *module) readSymbols() (s *symbols) {
	s = new(symbols)
	// The readers of the standard library are safe against most damage, not all.
	defer func() { _ = recover() }()
	if section := m.file.Section(".gopclntab"); section != nil {
		if data, err := section.Data(); err == nil {
			if text := m.file.Section(".text"); text != nil {
				s.lines = gosym.NewLineTable(data, text.Addr)
				s.golang, _ = gosym.NewTable(nil, s.lines)
			}
		}
	}
	all, err := m.file.Symbols()
	if err != nil || len(all) == 0 {
		all, _ = m.file.DynamicSymbols()
	}
	for _, symbol := range all {
		if kind := elf.ST_TYPE(symbol.Info); (kind == elf.STT_FUNC || kind == elf.STT_NOTYPE) && symbol.Section != elf.SHN_UNDEF && symbol.Name != "" {
			s.functions = append(s.functions, symbol)
		}
	}
	sort.SliceStable(s.functions, func(i, j int) bool { return s.functions[i].Value < s.functions[j].Value })
	size := uint64(0)
	for _, section := range m.file.Sections {
		if strings.HasPrefix(section.Name, ".debug_") || strings.HasPrefix(section.Name, ".zdebug_") {
			size += section.Size
		}
	}
	if size > 0 && size <= maxDebugInfo && s.golang == nil {
		s.debug, _ = m.file.DWARF()
	}
	return s
}

// find names the function at an address of the file.
func (s *symbols) find(address uint64) (name, line string, offset uint64) {
	defer func() { _ = recover() }()
	if s.golang != nil {
		if file, number, f := s.golang.PCToLine(address); f != nil {
			return f.Name, fmt.Sprintf("%s:%d", shorten(file), number), address - f.Entry
		}
	}
	i := sort.Search(len(s.functions), func(i int) bool { return s.functions[i].Value > address }) - 1
	for ; i >= 0; i-- {
		f := s.functions[i]
		if f.Size > 0 && address >= f.Value+f.Size {
			return "", "", 0 // between two functions that are known
		}
		if elf.ST_TYPE(f.Info) == elf.STT_NOTYPE && f.Size == 0 && i > 0 && s.functions[i-1].Value+s.functions[i-1].Size > address {
			continue // a label within a function
		}
		name, offset = demangled(f.Name), address-f.Value
		break
	}
	return name, s.line(address), offset
}

// line is file:line of C, C++ or Rust, where there is debug information.
func (s *symbols) line(address uint64) string {
	if s.debug == nil {
		return ""
	}
	unit, err := s.debug.Reader().SeekPC(address)
	if err != nil {
		return ""
	}
	lines, err := s.debug.LineReader(unit)
	if err != nil || lines == nil {
		return ""
	}
	var entry dwarf.LineEntry
	if lines.SeekPC(address, &entry) != nil || entry.File == nil {
		return ""
	}
	return fmt.Sprintf("%s:%d", shorten(entry.File.Name), entry.Line)
}

func demangled(name string) string {
	name = demangle.Filter(name, demangle.NoParams)
	if len(name) > maxName {
		name = name[:maxName] + "…"
	}
	return name
}

// shorten leaves the file and its directory, which is what people look for.
func shorten(file string) string {
	return path.Join(path.Base(path.Dir(file)), path.Base(file))
}
