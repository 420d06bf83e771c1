package dump

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/parallel"
	"github.com/bulkhead-k8s/bulkhead/internal/observe/dump/resource"
)

// Read reads a directory, an archive or a file; "-" is the standard input. The
// records are ordered by time. What could not be read is in the report; an error
// is returned only if there is nothing to read at all or ctx ends.
func Read(ctx context.Context, path string) ([]record.Record, Report, error) {
	if path == "-" {
		return ReadFrom(ctx, os.Stdin, "standard input")
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, Report{}, fmt.Errorf("read dump: %w", err)
	}
	if info.IsDir() {
		return ReadFS(ctx, os.DirFS(path))
	}
	s := newSource(ctx)
	if info.Size() > s.left {
		return nil, Report{}, fmt.Errorf("read dump %s: %w", path, ErrTooLarge)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, Report{}, fmt.Errorf("read dump: %w", err)
	}
	if err := s.add(piece{filepath.Base(path), data, info.ModTime()}, 0); err != nil {
		return nil, Report{}, fmt.Errorf("read dump: %w", err)
	}
	return s.records()
}

// ReadFS reads a tree of files.
func ReadFS(ctx context.Context, fsys fs.FS) ([]record.Record, Report, error) {
	s := newSource(ctx)
	if err := s.directory(fsys); err != nil {
		return nil, Report{}, fmt.Errorf("read dump: %w", err)
	}
	return s.records()
}

// ReadFrom reads one file or archive from a stream. A text with relative ages and
// no time in it has no time: a stream has none of its own.
func ReadFrom(ctx context.Context, r io.Reader, name string) ([]record.Record, Report, error) {
	s := newSource(ctx)
	data, err := s.all(r)
	if err != nil {
		return nil, Report{}, fmt.Errorf("read dump from %s: %w", name, err)
	}
	if err := s.add(piece{name: name, data: data}, 0); err != nil {
		return nil, Report{}, fmt.Errorf("read dump: %w", err)
	}
	return s.records()
}

func newSource(ctx context.Context) *source {
	return &source{ctx: ctx, left: maxBytes, report: &Report{}}
}

// records parses the pieces, on all cores, and puts them together.
func (s *source) records() ([]record.Record, Report, error) {
	r := reader{names: resource.NewNames()}
	finds := make([]*find, len(s.pieces))
	parallel.Each(len(finds), func(i int) {
		if s.ctx.Err() == nil {
			finds[i] = r.parse(s.pieces[i])
		}
	})
	if err := s.ctx.Err(); err != nil {
		return nil, Report{}, fmt.Errorf("read dump: %w", err)
	}
	a := assembler{names: r.names, finds: finds, report: s.report}
	return a.run(), *s.report, nil
}
