package coredump

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrTaken indicates that another daemon of ours handles this machine's cores.
var ErrTaken = errors.New("another Bulkhead on this machine handles core dumps")

const (
	corePattern = "/proc/sys/kernel/core_pattern"
	// arguments are the process and its thread in the machine's numbers, signal,
	// time, and name, which comes last.
	arguments  = " %P %I %s %t %e"
	maxPattern = 127
	// checked is what the handler answers to --check.
	checkFlag = "--check"
)

// Install makes the program handle this machine's core dumps, with what it needs
// below dir. The former setting is kept there, for Restore. It is no error if that
// is done already, as after a crash of the daemon.
func Install(dir, program string, s Settings) error {
	d := directory(dir)
	pattern := "|" + d.handler() + arguments
	if !filepath.IsAbs(dir) || strings.ContainsAny(dir, " \t\n%") || len(pattern) > maxPattern {
		return fmt.Errorf("handle core dumps below %q: the kernel takes absolute paths without spaces or %%, of at most %d bytes", dir, maxPattern-len(pattern)+len(dir))
	}
	present, err := current()
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
	if ours(present) != "" && ours(present) != d {
		other := ours(present)
		if _, err := os.Stat(other.handler()); err == nil {
			return fmt.Errorf("%w: %s", ErrTaken, other)
		}
		present = other.formerPattern() // it was removed without being stopped
	}
	if ours(present) == d {
		present = d.formerPattern() // of another version of ours
	}
	if err := write(d.former(), []byte(present+"\n"), 0o600); err != nil {
		return fmt.Errorf("handle core dumps: keep the former setting: %w", err)
	}
	return setPattern(pattern)
}

// Restore brings back the former setting if the present one is that of dir. It is
// no error if nothing was installed.
func Restore(dir string) error {
	d := directory(dir)
	present, err := current()
	if err != nil {
		return err
	}
	if ours(present) == d {
		if err := setPattern(d.formerPattern()); err != nil {
			return err
		}
	}
	if err := os.Remove(d.former()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("restore the handling of core dumps: %w", err)
	}
	return nil
}

// Installed says whether the handler of dir is this machine's.
func Installed(dir string) (bool, error) {
	present, err := current()
	return err == nil && ours(present) == directory(dir), err
}

func current() (string, error) {
	data, err := os.ReadFile(corePattern)
	if err != nil {
		return "", fmt.Errorf("read how core dumps are handled: %w", err)
	}
	return strings.TrimRight(string(data), "\n"), nil
}

func setPattern(pattern string) error {
	if err := os.WriteFile(corePattern, []byte(pattern+"\n"), 0); err != nil {
		return fmt.Errorf("set how core dumps are handled: %w", err)
	}
	return nil
}

// ours is the directory that a setting of ours belongs to; empty for others'.
func ours(pattern string) directory {
	program, ok := strings.CutPrefix(pattern, "|")
	program, rest, _ := strings.Cut(program, " ")
	if !ok || filepath.Base(program) != "handler" || " "+rest != arguments {
		return ""
	}
	return directory(filepath.Dir(program))
}

// formerPattern is what was set before; the kernel's default if that is not known.
func (d directory) formerPattern() string {
	data, err := os.ReadFile(d.former())
	if err != nil || ours(string(data)) == d {
		return "core"
	}
	return strings.TrimRight(string(data), "\n")
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
