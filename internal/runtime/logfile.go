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

// logSince returns the last lines, at most, of what was written to path behind
// offset: the reason why a program ended.
func logSince(path string, offset int64, lines int) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	const enough = 32 << 10
	if size, err := file.Seek(0, io.SeekEnd); err == nil && size-offset > enough {
		offset = size - enough
	}
	data, err := io.ReadAll(io.NewSectionReader(file, offset, enough))
	if err != nil {
		return ""
	}
	all := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
