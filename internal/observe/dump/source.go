package dump

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxBytes bounds what is read, unpacked: an archive of a few kilobytes can
// unpack to more than there is memory.
const maxBytes = 4 << 30

// ErrTooLarge indicates that a dump unpacks to more than can be read.
var ErrTooLarge = errors.New("the dump is larger than 4 GiB")

// source collects pieces.
type source struct {
	ctx    context.Context
	left   int64
	report *Report
	pieces []piece
}

// directory reads all files of a tree.
func (s *source) directory(fsys fs.FS) error {
	return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			s.broken(name, err)
			return nil
		}
		if err := s.ctx.Err(); err != nil {
			return err
		}
		if !d.Type().IsRegular() || path.Base(name) == ".DS_Store" || path.Base(name) == "Thumbs.db" {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			s.broken(name, err)
			return nil
		}
		if info.Size() > s.left {
			return fmt.Errorf("reading %s: %w", name, ErrTooLarge)
		}
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			s.broken(name, err)
			return nil
		}
		return s.add(piece{name, data, info.ModTime()}, 0)
	})
}

func (s *source) broken(name string, err error) {
	s.report.Damage = append(s.report.Damage, Damage{Piece: name, What: err.Error()})
}

// add keeps a file, or the files in it if it is an archive, by its first bytes.
func (s *source) add(p piece, depth int) error {
	s.left -= int64(len(p.data))
	if s.left < 0 {
		return fmt.Errorf("reading %s: %w", p.name, ErrTooLarge)
	}
	if depth > 4 {
		s.pieces = append(s.pieces, p)
		return nil
	}
	var unpack io.Reader
	var err error
	r := bytes.NewReader(p.data)
	switch {
	case bytes.HasPrefix(p.data, []byte{0x1f, 0x8b}):
		unpack, err = gzip.NewReader(r)
	case bytes.HasPrefix(p.data, []byte("BZh")):
		unpack = bzip2.NewReader(r)
	case bytes.HasPrefix(p.data, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		d, zerr := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if zerr == nil {
			defer d.Close()
		}
		unpack, err = d, zerr
	case bytes.HasPrefix(p.data, []byte("PK\x03\x04")):
		return s.zip(p, depth)
	case len(p.data) > 262 && string(p.data[257:262]) == "ustar":
		return s.tar(p, depth)
	default:
		s.report.Bytes += int64(len(p.data))
		s.pieces = append(s.pieces, p)
		return nil
	}
	if err != nil {
		s.broken(p.name, err)
		return nil
	}
	data, err := s.all(unpack)
	if errors.Is(err, ErrTooLarge) {
		return fmt.Errorf("unpacking %s: %w", p.name, err)
	}
	if err != nil {
		// What came before the damage is read.
		s.broken(p.name, fmt.Errorf("unpacking: %w", err))
	}
	return s.add(piece{p.name, data, p.time}, depth+1)
}

// all reads to the end, but no more than is left.
func (s *source) all(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, s.left+1))
	if int64(len(data)) > s.left {
		return nil, ErrTooLarge
	}
	return data, err
}

func (s *source) tar(p piece, depth int) error {
	t := tar.NewReader(bytes.NewReader(p.data))
	for {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			s.broken(p.name, fmt.Errorf("unpacking: %w", err))
			return nil
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := s.file(path.Clean(h.Name), t, h.ModTime, depth); err != nil {
			return err
		}
	}
}

func (s *source) zip(p piece, depth int) error {
	z, err := zip.NewReader(bytes.NewReader(p.data), int64(len(p.data)))
	if err != nil {
		s.broken(p.name, fmt.Errorf("unpacking: %w", err))
		return nil
	}
	for _, f := range z.File {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		if f.FileInfo().IsDir() {
			continue
		}
		r, err := f.Open()
		if err != nil {
			s.broken(f.Name, fmt.Errorf("unpacking: %w", err))
			continue
		}
		err = s.file(path.Clean(f.Name), r, f.Modified, depth)
		r.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *source) file(name string, r io.Reader, modified time.Time, depth int) error {
	data, err := s.all(r)
	if errors.Is(err, ErrTooLarge) {
		return fmt.Errorf("unpacking %s: %w", name, err)
	}
	if err != nil {
		s.broken(name, fmt.Errorf("unpacking: %w", err))
	}
	return s.add(piece{name, data, modified}, depth+1)
}
