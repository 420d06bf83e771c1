package coredump

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	page  = 4096
	chunk = 1 << 20
	// reserve is for how many bytes room is made at once.
	reserve = 16 << 20
)

// keep writes a core to a file, with holes for pages of zeros, and returns its
// path. What does not fit is removed again; the error says why.
func (d directory) keep(core io.Reader, key, order string, s Settings) (path string, err error) {
	path = filepath.Join(d.kept(), key+keptSeparator+order+keptSuffix)
	part := path + partSuffix
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("keep a core: %w", err)
	}
	defer func() {
		f.Close()
		if err != nil {
			os.Remove(part)
		}
	}()
	w := sparse{file: f, limit: s.MaxBytes, room: func(more int64) error {
		return d.room(part, key, more, s)
	}}
	if _, err := io.CopyBuffer(&w, onlyReader{core}, make([]byte, chunk)); err != nil {
		return "", err
	}
	if err := f.Truncate(w.at); err != nil {
		return "", fmt.Errorf("keep a core: %w", err)
	}
	if err := os.Rename(part, path); err != nil {
		return "", fmt.Errorf("keep a core: %w", err)
	}
	return path, nil
}

// onlyReader keeps io.Copy from handing the file over to the kernel, which would
// write the zeros.
type onlyReader struct{ io.Reader }

// sparse writes what is not zero.
type sparse struct {
	file    *os.File
	at      int64
	written int64
	allowed int64
	limit   int64
	room    func(more int64) error
}

var zeros [page]byte

func (w *sparse) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		// Up to the next boundary in the file, so that pages of the core are pages here.
		size := min(page-int(w.at%page), len(b))
		part := b[:size]
		b = b[size:]
		if !bytes.Equal(part, zeros[:size]) {
			if err := w.write(part); err != nil {
				return 0, err
			}
		}
		w.at += int64(size)
	}
	return n, nil
}

func (w *sparse) write(part []byte) error {
	w.written += int64(len(part))
	if w.written > w.limit {
		return fmt.Errorf("it is larger than the %d MiB that one core may take", w.limit>>20)
	}
	if w.written > w.allowed {
		more := min(reserve, w.limit-w.allowed)
		if err := w.room(more); err != nil {
			return err
		}
		w.allowed += more
	}
	_, err := w.file.WriteAt(part, w.at)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return errors.New("the disk is full")
	}
	return err
}

// allocated is what a file takes on the disk.
func allocated(info fs.FileInfo) int64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * 512
	}
	return info.Size()
}

// fileName makes a name of what a process calls itself.
func fileName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r) {
			return r
		}
		return '_'
	}, s)
	return s[:min(len(s), 64)]
}
