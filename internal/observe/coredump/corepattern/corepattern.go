// Package corepattern is this machine's setting of what becomes of core dumps, and
// who set it. It is apart from the handler so that a reset can restore the setting
// without carrying what reads cores.
package corepattern

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const path = "/proc/sys/kernel/core_pattern"

const (
	// Handler is the program's name in a directory of ours, Former the file beside
	// it with what was set before.
	Handler = "handler"
	Former  = "former-core-pattern"
	// Arguments are the process and its thread in the machine's numbers, signal,
	// time, and name, which comes last.
	Arguments = " %P %I %s %t %e"
)

// Of is our setting for a directory.
func Of(dir string) string { return "|" + filepath.Join(dir, Handler) + Arguments }

// Current is what is set.
func Current() (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read how core dumps are handled: %w", err)
	}
	return strings.TrimRight(string(data), "\n"), nil
}

// Set sets it.
func Set(pattern string) error {
	if err := os.WriteFile(path, []byte(pattern+"\n"), 0); err != nil {
		return fmt.Errorf("set how core dumps are handled: %w", err)
	}
	return nil
}

// Ours is the directory that a setting of ours belongs to; empty for others'.
func Ours(pattern string) string {
	program, ok := strings.CutPrefix(pattern, "|")
	program, rest, _ := strings.Cut(program, " ")
	if !ok || filepath.Base(program) != Handler || " "+rest != Arguments {
		return ""
	}
	return filepath.Dir(program)
}

// Before is what was set before that of a directory; the kernel's default if that
// is not known.
func Before(dir string) string {
	data, err := os.ReadFile(filepath.Join(dir, Former))
	pattern := strings.TrimRight(string(data), "\n")
	if err != nil || Ours(pattern) == dir {
		return "core"
	}
	return pattern
}

// Installed says whether the handler of dir is this machine's.
func Installed(dir string) (bool, error) {
	present, err := Current()
	return err == nil && Ours(present) == dir, err
}

// Restore brings back the former setting if the present one is that of dir. It is
// no error if nothing was installed.
func Restore(dir string) error {
	ours, err := Installed(dir)
	if err != nil {
		return err
	}
	if ours {
		if err := Set(Before(dir)); err != nil {
			return err
		}
	}
	if err := os.Remove(filepath.Join(dir, Former)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("restore the handling of core dumps: %w", err)
	}
	return nil
}
