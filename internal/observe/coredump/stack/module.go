package stack

import (
	"bufio"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// mapping is one of a process's executable mappings.
type mapping struct {
	start, end, offset uint64
	path               string
	module             *module // opened when it is needed
	tried              bool
}

// parseMaps reads /proc/<pid>/maps: "start-end perms offset dev inode path".
func parseMaps(r io.Reader) ([]*mapping, error) {
	var all []*mapping
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 || len(fields[1]) < 3 || fields[1][2] != 'x' {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		m := new(mapping)
		var errs [3]error
		m.start, errs[0] = strconv.ParseUint(from, 16, 64)
		m.end, errs[1] = strconv.ParseUint(to, 16, 64)
		m.offset, errs[2] = strconv.ParseUint(fields[2], 16, 64)
		if errs != [3]error{} {
			continue
		}
		if len(fields) > 5 {
			m.path = strings.TrimSuffix(strings.Join(fields[5:], " "), " (deleted)")
		}
		all = append(all, m)
	}
	return all, lines.Err()
}

func (m *mapping) holds(address uint64) bool { return address >= m.start && address < m.end }

// name is the file's, or what kind of memory it is.
func (m *mapping) name() string {
	switch {
	case strings.HasPrefix(m.path, "/"):
		return filepath.Base(m.path)
	case m.path != "":
		return strings.Trim(m.path, "[]")
	}
	return "generated code"
}

// module is an open ELF file.
type module struct {
	file *elf.File
	// data is the file itself.
	data *os.File
	// bias is what has to be added to the file's addresses.
	bias    uint64
	frames  frameTable
	symbols *symbols
}

// openModule opens the file of a mapping of a process.
func openModule(pid int, m *mapping) (*module, error) {
	if !strings.HasPrefix(m.path, "/") {
		return nil, fmt.Errorf("%s is no file", m.name())
	}
	proc := "/proc/" + strconv.Itoa(pid)
	f, err := os.Open(fmt.Sprintf("%s/map_files/%x-%x", proc, m.start, m.end))
	if err != nil { // without CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN
		f, err = os.Open(filepath.Join(proc, "root", m.path))
	}
	if err != nil {
		return nil, err
	}
	opened, err := newModule(f, m)
	if err != nil {
		f.Close()
	}
	return opened, err
}

func newModule(f *os.File, m *mapping) (*module, error) {
	file, err := elf.NewFile(f)
	if err != nil {
		return nil, err
	}
	for _, p := range file.Progs {
		// The kernel maps whole pages; the segment may begin within the first.
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 && m.offset < p.Off+p.Filesz && p.Off < m.offset+(m.end-m.start) {
			opened := &module{file: file, data: f, bias: m.start - m.offset + p.Off - p.Vaddr}
			opened.frames.find(file)
			return opened, nil
		}
	}
	return nil, fmt.Errorf("%s has no code at offset %#x", m.path, m.offset)
}

// at returns n bytes that the file has for an address of its own.
func (m *module) at(address uint64, n int) ([]byte, error) {
	for _, p := range m.file.Progs {
		if p.Type == elf.PT_LOAD && address >= p.Vaddr && address < p.Vaddr+p.Filesz {
			b := make([]byte, min(uint64(n), p.Vaddr+p.Filesz-address))
			_, err := p.ReadAt(b, int64(address-p.Vaddr))
			return b, err
		}
	}
	return nil, fmt.Errorf("address %#x is not in the file", address)
}
