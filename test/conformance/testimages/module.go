package testimages

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bulkhead-k8s/bulkhead/internal/image"
)

// moduleDir is where the go command keeps a module's source.
func moduleDir(ctx context.Context, module string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
		}
		return "", fmt.Errorf("find source of module %s: %w", module, err)
	}
	dir := strings.TrimSpace(string(out))
	if dir == "" {
		return "", fmt.Errorf("find source of module %s: not downloaded; run go mod download", module)
	}
	return dir, nil
}

// source is a file of the module k8s.io/kubernetes. The module cache is
// read-only, hence the mode.
func (m maker) source(to string, from ...string) image.File {
	return image.File{Path: to, Source: filepath.Join(append([]string{m.module}, from...)...), Mode: 0o644}
}

// program compiles a package that shares its source with the daemon and the
// test suite; see image.GoBinary.Cgo.
func (m maker) program(ctx context.Context, to, pkg string) (image.File, error) {
	out, ok := m.built[pkg]
	if !ok {
		var err error
		if out, err = m.Build(ctx, image.GoBinary{Package: pkg, Cgo: true}); err != nil {
			return image.File{}, err
		}
		m.built[pkg] = out
	}
	return image.File{Path: to, Source: out, Mode: 0o755}, nil
}
