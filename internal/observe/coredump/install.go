package coredump

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/observe/coredump/corepattern"
)

// ErrTaken indicates that another daemon of ours handles this machine's cores.
var ErrTaken = errors.New("another Bulkhead on this machine handles core dumps")

const (
	// maxPattern is the kernel's.
	maxPattern = 127
	// checked is what the handler answers to --check.
	checkFlag = "--check"
)

// Install makes the program handle this machine's core dumps, with what it needs
// below dir. The former setting is kept there, for corepattern.Restore. It is no error if that
// is done already, as after a crash of the daemon.
func Install(dir, program string, s Settings) error {
	d := directory(dir)
	pattern := corepattern.Of(dir)
	if !filepath.IsAbs(dir) || strings.ContainsAny(dir, " \t\n%") || len(pattern) > maxPattern {
		return fmt.Errorf("handle core dumps below %q: the kernel takes absolute paths without spaces or %%, of at most %d bytes", dir, maxPattern-len(pattern)+len(dir))
	}
	present, err := corepattern.Current()
	if err != nil {
		return err
	}
	for _, path := range []string{dir, d.kept(), d.reports(), d.limits()} {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return fmt.Errorf("handle core dumps: %w", err)
		}
	}
	settings, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return fmt.Errorf("handle core dumps: %w", err)
	}
	if err := write(d.settings(), settings, 0o600); err != nil {
		return fmt.Errorf("handle core dumps: %w", err)
	}
	if err := d.copyHandler(program); err != nil {
		return fmt.Errorf("handle core dumps: copy the handler: %w", err)
	}
	s.complete()
	d.sweep(s)
	if present == pattern {
		return nil
	}
	if other := corepattern.Ours(present); other != "" && other != dir {
		if _, err := os.Stat(directory(other).handler()); err == nil {
			return fmt.Errorf("%w: %s", ErrTaken, other)
		}
		present = corepattern.Before(other) // it was removed without being stopped
	}
	if corepattern.Ours(present) == dir {
		present = corepattern.Before(dir) // of another version of ours
	}
	if err := write(d.former(), []byte(present+"\n"), 0o600); err != nil {
		return fmt.Errorf("handle core dumps: keep the former setting: %w", err)
	}
	return corepattern.Set(pattern)
}

// copyHandler puts the program where the kernel looks for it: the setting has no
// room for two paths, and the copy is there until reset, whatever becomes of the
// program. It is run once, since a file system may forbid that.
func (d directory) copyHandler(program string) error {
	wanted, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	if have, err := os.ReadFile(d.handler()); err != nil || !bytes.Equal(have, wanted) {
		if err := write(d.handler(), wanted, 0o700); err != nil {
			return err
		}
	}
	if out, err := exec.Command(d.handler(), checkFlag).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
