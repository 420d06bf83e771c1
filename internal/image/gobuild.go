package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// GoBinary is a Go program to compile for an image; a static one unless Cgo.
type GoBinary struct {
	// Package is an import path or a ./relative one.
	Package string
	// Dir is where the go command runs; empty means the current directory.
	Dir string
	// LDFlags are passed to the linker beside -s -w.
	LDFlags string
	Tags    []string
	// Cgo links the C library, which the image must then have (libc6, no older
	// than this machine's). It is for programs that share most of their source
	// with others compiled that way here: nothing is compiled twice.
	Cgo bool
}

// Build compiles with trimmed paths, so that the same source gives the same
// bytes, and returns where the program is in the cache.
func (b Builder) Build(ctx context.Context, g GoBinary) (string, error) {
	dir := filepath.Join(b.cacheDir(), "go")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make cache for Go programs: %w", err)
	}
	out := filepath.Join(dir, strings.NewReplacer("/", "_", `\`, "_", ".", "_").Replace(g.Package))
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", strings.TrimSpace("-s -w " + g.LDFlags), "-o", out}
	if len(g.Tags) > 0 {
		args = append(args, "-tags", strings.Join(g.Tags, ","))
	}
	cmd := exec.CommandContext(ctx, "go", append(args, g.Package)...)
	cmd.Dir = g.Dir
	cmd.Env = append(os.Environ(), "GOOS=linux")
	if !g.Cgo {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=0")
	}
	b.logf("compiling %s", g.Package)
	if said, err := cmd.CombinedOutput(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return "", fmt.Errorf("compile %s: the go command is not on this machine; install Go", g.Package)
		}
		return "", fmt.Errorf("compile %s: %w\n%s", g.Package, err, strings.TrimSpace(string(said)))
	}
	return out, nil
}
