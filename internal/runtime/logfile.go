package runtime

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// maxLogBytes is the size from which a log is set aside at the next start.
const maxLogBytes = 8 << 20

// openLog opens path for appending, after setting a large one aside as
// path.1, of which there is one.
func openLog(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxLogBytes {
		err = os.Rename(path, path+".1")
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("rotate log: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return file, nil
}

// logSize returns where the next line of a log will be.
func logSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// complaints returns the last errors, at most, of what containerd wrote to path
// behind offset: the reason why it ended.
func complaints(path string, offset int64, most int) string {
	file, err := os.Open(path)
	if err != nil {
		return "(no log)"
	}
	defer file.Close()
	const enough = 256 << 10
	if size, err := file.Seek(0, io.SeekEnd); err == nil && size-offset > enough {
		offset = size - enough
	}
	data, err := io.ReadAll(io.NewSectionReader(file, offset, enough))
	if err != nil {
		return "(no log)"
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); isComplaint(line) {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return "(no error)"
	}
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

// isComplaint tells errors from the rest of containerd's log: those of its
// logger, and what it prints past it as its last words.
func isComplaint(line string) bool {
	if !strings.HasPrefix(line, "time=") {
		return line != ""
	}
	if strings.Contains(line, "notify stopping failed") {
		return false // we listen for the end of its start only
	}
	for _, level := range []string{"level=error", "level=fatal", "level=panic"} {
		if strings.Contains(line, level) {
			return true
		}
	}
	return false
}
