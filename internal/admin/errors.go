package admin

import (
	"errors"
	"fmt"
)

// ErrNotRunning indicates that nothing answers on the daemon's socket.
var ErrNotRunning = errors.New("no daemon is running")

// ErrStartCutOff indicates that the daemon ended before its start was over.
var ErrStartCutOff = errors.New("the daemon ended while it started")

// notRunningError is ErrNotRunning with the data directory and the remedy.
type notRunningError struct{ dataDir string }

func (e notRunningError) Error() string {
	return fmt.Sprintf("no daemon is running for --data-dir %s; start one with `bulkhead up`", e.dataDir)
}

func (notRunningError) Is(target error) bool { return target == ErrNotRunning }

// RemoteError is what the daemon answered instead of a result.
type RemoteError struct {
	// Code is the HTTP status.
	Code int
	// Message is the daemon's own error, meant for a person.
	Message string
}

func (e *RemoteError) Error() string { return e.Message }
