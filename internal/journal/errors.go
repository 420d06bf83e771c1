package journal

import (
	"errors"
	"fmt"
)

var (
	// ErrLocked indicates that another process has the journal open.
	ErrLocked = errors.New("journal is open in another process")
	// ErrClosed indicates that the journal was closed.
	ErrClosed = errors.New("journal is closed")
	// ErrQueueFull indicates that records were not taken, because those before
	// them are not written yet: too many at once, or the disk is full.
	ErrQueueFull = errors.New("journal's queue is full")
	// ErrLagging indicates that a follower was too slow and missed records.
	ErrLagging = errors.New("follower is too slow")
	// errDamaged indicates a checksum that does not fit.
	errDamaged = errors.New("checksum does not match")
)

// Damage is a part of a file that cannot be read. The rest is kept.
type Damage struct {
	File   string
	Offset int64
	Bytes  int64
	Err    error
}

func (d *Damage) Error() string {
	return fmt.Sprintf("%s: %d bytes at %d are damaged: %v", d.File, d.Bytes, d.Offset, d.Err)
}

func (d *Damage) Unwrap() error { return d.Err }
