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

// ErrTaken indicates that another daemon of ours handles this machine's cores, and
// cannot tell ours from its own.
var ErrTaken = errors.New("another Bulkhead on this machine handles core dumps")

const (
	// maxPattern is the kernel's.
	maxPattern = 127
	// checked is what the handler answers to --check.
	checkFlag = "--check"
)

// Install makes the program handle this machine's core dumps, with what it needs
// below dir; cgroup is what the pods are below. The former setting is kept, for
// Uninstall. It is no error if that is done already, as after a crash of the daemon.
//
// It returns the directory of the handler that is in place: dir, or that of another
// Bulkhead that was first, which from now on gives dir the cores of its pods. When
// that one goes, as InPlace says, Install is to be called again.
func Install(dir, program, cgroup string, s Settings) (handler string, err error) {
	d := directory(dir)
	pattern := corepattern.Of(dir)
	if !filepath.IsAbs(dir) || strings.ContainsAny(dir, " \t\n%") || len(pattern) > maxPattern {
		return "", fmt.Errorf("handle core dumps below %q: the kernel takes absolute paths without spaces or %%, of at most %d bytes", dir, maxPattern-len(pattern)+len(dir))
	}
	present, err := corepattern.Current()
	if err != nil {
		return "", err
	}
	if err := d.prepare(program, s); err != nil {
		return "", fmt.Errorf("handle core dumps: %w", err)
	}
	if present == pattern {
		return dir, nil
	}
	if other := corepattern.Ours(present); other != "" && other != dir {
		if _, err := os.Stat(directory(other).handler()); err == nil {
			if strings.Trim(cgroup, "/") == "" {
				return "", fmt.Errorf("%w: %s", ErrTaken, other)
			}
			return other, directory(other).join(peer{Dir: dir, Cgroup: cgroup})
		}
		present = corepattern.Before(other) // it was removed without being stopped
	}
	if corepattern.Ours(present) == dir {
		present = corepattern.Before(dir) // of another version of ours
	}
	if err := write(d.former(), []byte(present+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("handle core dumps: keep the former setting: %w", err)
	}
	return dir, corepattern.Set(pattern)
}

// prepare makes the directory, with the settings and the handler.
func (d directory) prepare(program string, s Settings) error {
	for _, path := range []string{string(d), d.kept(), d.reports(), d.limits()} {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return err
		}
	}
	settings, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	if err := write(d.settings(), settings, 0o600); err != nil {
		return err
	}
	if err := d.copyHandler(program); err != nil {
		return fmt.Errorf("copy the handler: %w", err)
	}
	s.complete()
	d.sweep(s)
	return nil
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
