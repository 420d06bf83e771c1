package cli

import (
	"context"
	"errors"

	"github.com/bulkhead-k8s/bulkhead/internal/admin"
)

// The codes that the program ends with; docs/cli.md has them for users.
const (
	exitOK          = 0
	exitFailed      = 1 // the command did not do what it was asked, or found something wrong
	exitUsage       = 2 // the command line makes no sense
	exitNotRunning  = 3 // no daemon runs
	exitInterrupted = 130
)

// usageError is a mistake in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// codeError ends the program with a code and says nothing: what there is to
// say has been printed as the command's result.
type codeError int

func (codeError) Error() string { return "" }

// exitCode is what the program ends with after err.
func exitCode(err error) int {
	var usage usageError
	var code codeError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, admin.ErrNotRunning):
		return exitNotRunning
	}
	return exitFailed
}
