package relay

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-k8s/bulkhead/internal/journal"
	"github.com/bulkhead-k8s/bulkhead/internal/journal/record"
)

const (
	// batchRecords and batchBytes, not compressed, are when a batch is full. Its last
	// record may be a large one.
	batchRecords = 1024
	batchBytes   = 1 << 20
	// maxBody and maxRaw are the most that a server reads of a batch.
	maxBody = 8 << 20
	maxRaw  = 16 << 20
)

// ID names a batch.
type ID struct {
	// Stream is of one run of a sender, and like no other's.
	Stream string
	// Number begins with 1.
	Number uint64
}

var (
	// ErrUnreadable indicates a batch that will never be taken.
	ErrUnreadable = errors.New("the batch cannot be read")
	// ErrNoJournal indicates a server that keeps no journal.
	ErrNoJournal = errors.New("the server keeps no journal")
	// ErrAway indicates a record that was not taken since the server does not answer.
	ErrAway = errors.New("the server takes no records now")
)

// encode makes a batch of the first of the records; n is how many it has.
func encode(records []record.Record) (body []byte, n int, err error) {
	var buffer bytes.Buffer
	out, err := journal.NewExportWriter(&buffer)
	if err != nil {
		return nil, 0, err
	}
	for n < min(len(records), batchRecords) && out.Raw() < batchBytes {
		if err := out.Write(records[n]); err != nil {
			return nil, n, fmt.Errorf("encode a record of type %s: %w", records[n].Type(), err)
		}
		n++
	}
	err = out.Close() // before the bytes are looked at
	return buffer.Bytes(), n, err
}

// decode reads a batch. Records of types that are not known here are left out.
func decode(body io.Reader) ([]record.Record, error) {
	whole, err := io.ReadAll(io.LimitReader(body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("read the batch: %w", err) // its connection broke: it comes again
	}
	z, err := zstd.NewReader(bytes.NewReader(whole), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxRaw))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	var records []record.Record
	_, err = journal.ReadExport(io.LimitReader(z, maxRaw), func(r record.Record) error {
		records = append(records, r)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return records, nil
}
