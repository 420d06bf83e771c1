//go:build !linux

package supervisor

import (
	"context"
	"errors"
	"os"
)

// Options say what to keep running.
type Options struct {
	Command  []string
	LockFile string
	Log      *os.File
}

// Run keeps nothing running: the daemon is a program for Linux.
func Run(context.Context, Options) error { return errors.ErrUnsupported }

// Find returns 0, since there is no supervisor.
func Find(string) int { return 0 }
