package programpages

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Release lets the program's unchanged pages go and returns how many bytes of
// them were resident. Those that another process uses, and all if this user may
// not write the file, stay with the kernel.
func Release() (int64, error) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return 0, fmt.Errorf("release pages: %w", err)
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return 0, fmt.Errorf("release pages: %w", err)
	}
	defer maps.Close()
	mappings, err := unchanged(maps, program)
	if err != nil {
		return 0, fmt.Errorf("release pages: %w", err)
	}
	var released int64
	var errs []error
	for _, m := range mappings {
		// Without huge pages from now on; a kernel that has none refuses.
		_ = advise(m, unix.MADV_NOHUGEPAGE)
		if err := advise(m, unix.MADV_PAGEOUT); err != nil {
			errs = append(errs, fmt.Errorf("release pages at %#x: %w", m.start, err))
			continue
		}
		released += m.resident
	}
	return released, errors.Join(errs...)
}

// advise is madvise(2) by address: the mapping is none of Go's memory, so no
// slice of it can be made.
func advise(m mapping, advice uintptr) error {
	if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, advice); errno != 0 {
		return errno
	}
	return nil
}

// mapping is a range of addresses that shows a file.
type mapping struct {
	start, end uintptr
	resident   int64 // bytes
}

// unchanged reads smaps (proc_pid_smaps(5)) for the mappings of a file that are
// not writable and have no page of their own. The linker's relocated tables, for
// one, are read-only by then and yet not as in the file.
func unchanged(smaps io.Reader, file string) ([]mapping, error) {
	var all []mapping
	var current *mapping
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 {
			continue
		}
		name, isAttribute := strings.CutSuffix(fields[0], ":")
		if !isAttribute {
			current = nil
			if m, ok := header(fields, file); ok {
				all = append(all, m)
				current = &all[len(all)-1]
			}
			continue
		}
		if current == nil || len(fields) < 2 {
			continue
		}
		switch kilobytes, err := strconv.ParseInt(fields[1], 10, 64); {
		case name == "Rss" && err == nil:
			current.resident = kilobytes << 10
		case name == "Anonymous" && (err != nil || kilobytes != 0):
			all = all[:len(all)-1]
			current = nil
		}
	}
	return all, lines.Err()
}

// header reads "START-END PERMISSIONS OFFSET DEVICE INODE FILE".
func header(fields []string, file string) (m mapping, ok bool) {
	if len(fields) < 6 || fields[5] != file || strings.Contains(fields[1], "w") {
		return m, false
	}
	first, last, ok := strings.Cut(fields[0], "-")
	start, err1 := strconv.ParseUint(first, 16, 64)
	end, err2 := strconv.ParseUint(last, 16, 64)
	return mapping{start: uintptr(start), end: uintptr(end)}, ok && err1 == nil && err2 == nil
}
