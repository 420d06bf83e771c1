package journal

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

// maxLine is the longest line of an export that is read.
const maxLine = 64 << 20

// Export writes the wanted records as JSON, one a line, compressed with zstd. If
// a part of the journal is damaged, the rest is written and the error says so.
func (j *Journal) Export(ctx context.Context, w io.Writer, f Filter) (n int, err error) {
	out, err := NewExportWriter(w)
	if err != nil {
		return 0, err
	}
	var damage error
	for r, err := range j.Query(ctx, f) {
		if d := (*Damage)(nil); errors.As(err, &d) {
			damage = err
			continue
		}
		if err == nil {
			err = out.Write(r)
		}
		if err != nil {
			out.Close()
			return n, fmt.Errorf("export journal: %w", err)
		}
		n++
	}
	if err := out.Close(); err != nil {
		return n, fmt.Errorf("export journal: %w", err)
	}
	return n, damage
}

// ExportWriter writes records in the form of exports.
type ExportWriter struct {
	z   *zstd.Encoder
	raw int64
}

// NewExportWriter makes one that writes to w.
func NewExportWriter(w io.Writer) (*ExportWriter, error) {
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	return &ExportWriter{z: z}, err
}

// Write adds a record.
func (e *ExportWriter) Write(r record.Record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	n, err := e.z.Write(append(line, '\n'))
	e.raw += int64(n)
	return err
}

// Raw is how many bytes there are, not compressed.
func (e *ExportWriter) Raw() int64 { return e.raw }

// Close writes the end; it does not close the writer below.
func (e *ExportWriter) Close() error { return e.z.Close() }

// Imported says what an import read.
type Imported struct {
	Records int
	// Unknown counts records of types that this version does not know.
	Unknown int
}

// Import appends an export's records, compressed or not, and waits until they
// are safe. What was read before an error is kept.
func (j *Journal) Import(ctx context.Context, r io.Reader) (Imported, error) {
	done, err := ReadExport(r, func(rec record.Record) error { return j.appendWaiting(ctx, rec) })
	if err != nil {
		return done, fmt.Errorf("import journal: %w", err)
	}
	return done, j.Sync(ctx)
}

// ReadExport gives each of an export's records, compressed or not, in its order,
// until there is an error.
func ReadExport(r io.Reader, each func(record.Record) error) (Imported, error) {
	var done Imported
	in := bufio.NewReaderSize(r, 64<<10)
	if magic, _ := in.Peek(4); string(magic) == "\x28\xb5\x2f\xfd" {
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return done, err
		}
		defer z.Close()
		in = bufio.NewReaderSize(z, 64<<10)
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for line := 1; lines.Scan(); line++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var rec record.Record
		switch err := json.Unmarshal(lines.Bytes(), &rec); {
		case errors.Is(err, record.ErrUnknownType):
			done.Unknown++
			continue
		case err != nil:
			return done, fmt.Errorf("line %d: %w", line, err)
		}
		if err := each(rec); err != nil {
			return done, err
		}
		done.Records++
	}
	return done, lines.Err()
}

// appendWaiting waits while the queue is more than half full: what is imported
// can wait, and leaves room for what cannot.
func (j *Journal) appendWaiting(ctx context.Context, r record.Record) error {
	j.mu.RLock()
	full := len(j.pending) >= (j.opts.Queue+1)/2
	j.mu.RUnlock()
	if full {
		if err := j.Sync(ctx); err != nil {
			return err
		}
	}
	return j.Append(r)
}
